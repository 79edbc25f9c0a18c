//! The lines of a batch (NDJSON): one object each, of bounded length, with words for what is wrong.

use serde::de::DeserializeOwned;
use thiserror::Error;

/// What a line of a batch says.
pub trait FromLine: Sized {
    /// Bytes of a line at most.
    const LONGEST: usize;
    /// A line as it should be, for whoever wrote another.
    const EXAMPLE: &'static str;

    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    fn from_line(line: &[u8]) -> Result<Self, LineFault>;
}

/// What is wrong with a line of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineFault {
    /// It has more bytes than a line may have.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It is JSON, and no object.
    #[error("it is no JSON object such as {0}")]
    NoObject(&'static str),
    /// It is no JSON, has another field, or an id that is none.
    #[error("{0}")]
    Json(String),
    /// Its fields do not go together.
    #[error("{0}")]
    Other(String),
}

/// The object of a line of `L`.
///
/// # Errors
/// Where it is too long, or no such object.
pub fn read_object<L: FromLine, T: DeserializeOwned>(line: &[u8]) -> Result<T, LineFault> {
    if line.len() > L::LONGEST {
        return Err(LineFault::TooLong(L::LONGEST));
    }
    // Serde takes a list for an object, too, field by field.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err(LineFault::NoObject(L::EXAMPLE));
    }
    serde_json::from_slice(line).map_err(|error| {
        // "at line 1": the line of a batch is counted by whoever reads the batch.
        let text = error.to_string();
        let words = text.rsplit_once(" at line ").map(|(words, _)| words);
        LineFault::Json(words.unwrap_or(&text).to_owned())
    })
}
