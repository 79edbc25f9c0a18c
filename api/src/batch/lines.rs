//! The lines of a batch, one at a time and each of bounded length, whatever the file holds.

use std::{
    io::{BufRead, BufReader, Read},
    marker::PhantomData,
};

use portolan_domain::lines::{FromLine, LineFault};
use portolan_storage::BatchLine;

use super::{BatchError, MOST_LINES};

/// Reads lines; blank ones are counted and skipped.
pub(super) struct Lines<R, T> {
    reader: BufReader<R>,
    buffer: Vec<u8>,
    number: u64,
    found: u64,
    items: PhantomData<T>,
}

impl<R: Read, T: FromLine> Lines<R, T> {
    pub fn of(file: R) -> Self {
        Self {
            reader: BufReader::with_capacity(64 << 10, file),
            buffer: Vec::new(),
            number: 0,
            found: 0,
            items: PhantomData,
        }
    }

    /// The next line that is not blank; none at the end.
    fn read(&mut self) -> Result<Option<BatchLine<T>>, BatchError> {
        loop {
            self.buffer.clear();
            // With room for its end, and for the byte too many that shows it as too long.
            let longest = T::LONGEST as u64 + 2;
            let mut line = (&mut self.reader).take(longest);
            if line.read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let line = self.number;
            let text = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
            if text.len() > T::LONGEST {
                let fault = LineFault::TooLong(T::LONGEST);
                return Err(BatchError::Line { line, fault });
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            self.found += 1;
            if self.found > MOST_LINES {
                return Err(BatchError::TooMany { line });
            }
            let item = T::from_line(text).map_err(|fault| BatchError::Line { line, fault })?;
            return Ok(Some(BatchLine { number: line, item }));
        }
    }
}

impl<R: Read, T: FromLine> Iterator for Lines<R, T> {
    type Item = Result<BatchLine<T>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use portolan_domain::registration::Registration;

    use super::*;

    const LONGEST: usize = Registration::LONGEST;

    fn numbers(text: &str) -> Result<Vec<u64>, BatchError> {
        let line = |line: Result<BatchLine<Registration>, _>| line.map(|line| line.number);
        Lines::of(text.as_bytes()).map(line).collect()
    }

    #[test]
    fn blank_lines_are_counted_and_skipped() {
        let text = "\n{\"id\":\"a\"}\r\n \t\r\n{\"id\":\"b\"}\n\n{\"id\":\"c\"}";
        assert_eq!(numbers(text).unwrap(), [2, 4, 6]);
        assert_eq!(numbers("").unwrap(), Vec::<u64>::new());
    }

    #[test]
    fn a_line_has_a_longest_length() {
        let longest = format!("{{\"id\":\"a\"{}}}", " ".repeat(LONGEST - 10));
        assert_eq!(longest.len(), LONGEST);
        for end in ["", "\n"] {
            let text = format!("{longest}{end}");
            assert_eq!(numbers(&text).unwrap(), [1]);
            let refused = numbers(&format!("\n {text}")).unwrap_err();
            let BatchError::Line { line, fault } = refused else {
                panic!("{refused}");
            };
            assert_eq!((line, fault), (2, LineFault::TooLong(LONGEST)));
        }
        assert!(
            numbers(&" ".repeat(1 << 20)).is_err(),
            "blank, and too long"
        );
    }
}
