//! The paths that are signed. What a CDN, its cache and its origin could read in different ways is
//! refused: a signature for one path must not be one for another.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use thiserror::Error;

/// Bytes that a path may have.
const LONGEST: usize = 2048;

/// The path of one file, absolute and percent-encoded, below a CDN's URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ContentPath(String);

/// A folder, and everything below it. Segments match as a whole: `/a` has `/a/b` in it, and not `/ab`.
///
/// It is kept without a slash at its end, and the root as nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPrefix(String);

/// Why a text is no path that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPath {
    /// It does not begin with a slash.
    #[error("must be absolute: begin with /")]
    Relative,
    /// More bytes than a URL should have.
    #[error("has over 2048 bytes")]
    Long,
    /// Not what stands in a URL (RFC 3986, 3.3), or not a path alone.
    #[error(
        "has characters that do not stand in a URL's path; percent-encode the name, and leave query \
         and fragment out"
    )]
    Characters,
    /// `*` stands for anything at several CDNs.
    #[error("has a *, which CDNs take for anything; sign a prefix instead")]
    Wildcard,
    /// `%` without two hexadecimal digits.
    #[error("has a % that is not followed by two hexadecimal digits")]
    Escape,
    /// `//`.
    #[error("has an empty segment (//), which some servers leave out")]
    EmptySegment,
    /// `.` or `..`, plain or encoded.
    #[error("has a segment . or .., which leads elsewhere")]
    Dots,
    /// An encoded character that ends a segment, or stands for something else, on some servers.
    #[error(
        "has a ;, or an encoded slash, backslash, percent sign, semicolon or control character, which \
         servers read in different ways"
    )]
    Ambiguous,
}

impl ContentPath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PathPrefix {
    /// The folder, without a slash at its end; nothing for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a path is this one, or below it.
    #[must_use]
    pub fn covers(&self, path: &ContentPath) -> bool {
        self.is_above(path.as_str())
    }

    /// Whether everything below another prefix is below this one.
    #[must_use]
    pub fn covers_prefix(&self, other: &Self) -> bool {
        self.is_above(other.as_str())
    }

    fn is_above(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Checks a path, segment by segment.
fn check(text: &str) -> Result<(), InvalidPath> {
    let segments = text.strip_prefix('/').ok_or(InvalidPath::Relative)?;
    if text.len() > LONGEST {
        return Err(InvalidPath::Long);
    }
    if text.contains('*') {
        return Err(InvalidPath::Wildcard);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()+,;=:@/".contains(&b);
    if !text.bytes().all(plain) {
        return Err(InvalidPath::Characters);
    }
    let mut segments = segments.split('/').peekable();
    while let Some(segment) = segments.next() {
        // A slash at the end is a folder's.
        if segment.is_empty() && segments.peek().is_some() {
            return Err(InvalidPath::EmptySegment);
        }
        check_segment(segment)?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), InvalidPath> {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let mut escapes = segment.split('%').skip(1).map(str::as_bytes);
    if !escapes.all(|rest| rest.get(..2).is_some_and(is_hex)) {
        return Err(InvalidPath::Escape);
    }
    let decoded: Vec<u8> = percent_decode_str(segment).collect();
    if matches!(&*decoded, b"." | b"..") {
        return Err(InvalidPath::Dots);
    }
    // `%25` is decoded twice by some, and what is behind a `;` is cut off by others.
    let ambiguous = |b: &u8| b.is_ascii_control() || b"/\\%;".contains(b);
    if decoded.iter().any(ambiguous) {
        return Err(InvalidPath::Ambiguous);
    }
    Ok(())
}

impl FromStr for ContentPath {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for PathPrefix {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        check(text)?;
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for ContentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

impl fmt::Debug for ContentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
