//! The lines of a batch, one at a time and each of bounded length, whatever the file holds.

use std::io::{BufRead, BufReader, Read};

use portolan_domain::registration::{LONGEST_LINE, LineFault, Registration};
use portolan_storage::BatchLine;

use super::{MOST_LINES, RegistrationError};

/// Reads lines; blank ones are counted and skipped.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    buffer: Vec<u8>,
    number: u64,
    found: u64,
}

impl<R: Read> Lines<R> {
    pub fn of(file: R) -> Self {
        Self {
            reader: BufReader::with_capacity(64 << 10, file),
            buffer: Vec::new(),
            number: 0,
            found: 0,
        }
    }

    /// The next line that is not blank; none at the end.
    fn read(&mut self) -> Result<Option<BatchLine>, RegistrationError> {
        loop {
            self.buffer.clear();
            // With room for its end, and for the byte too many that shows it as too long.
            let longest = LONGEST_LINE as u64 + 2;
            let mut line = (&mut self.reader).take(longest);
            if line.read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let line = self.number;
            let text = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
            if text.len() > LONGEST_LINE {
                let fault = LineFault::TooLong;
                return Err(RegistrationError::Line { line, fault });
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            self.found += 1;
            if self.found > MOST_LINES {
                return Err(RegistrationError::TooMany { line });
            }
            let read = Registration::from_line(text);
            let registration = read.map_err(|fault| RegistrationError::Line { line, fault })?;
            let number = line;
            return Ok(Some(BatchLine {
                number,
                registration,
            }));
        }
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<BatchLine, RegistrationError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Result<Vec<u64>, RegistrationError> {
        let line = |line: Result<BatchLine, _>| line.map(|line| line.number);
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
        let longest = format!("{{\"id\":\"a\"{}}}", " ".repeat(LONGEST_LINE - 10));
        assert_eq!(longest.len(), LONGEST_LINE);
        for end in ["", "\n"] {
            let text = format!("{longest}{end}");
            assert_eq!(numbers(&text).unwrap(), [1]);
            let refused = numbers(&format!("\n {text}")).unwrap_err();
            let RegistrationError::Line { line, fault } = refused else {
                panic!("{refused}");
            };
            assert_eq!((line, fault), (2, LineFault::TooLong));
        }
        assert!(
            numbers(&" ".repeat(1 << 20)).is_err(),
            "blank, and too long"
        );
    }
}
