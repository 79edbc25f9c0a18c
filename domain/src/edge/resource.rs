//! From a URL to what it is of. The origin behind the edge reads the same URL with rules of its own: it may
//! decode twice, fold cases, drop what stands behind a semicolon. So what any of them could read otherwise
//! is refused, and what may be a commit is taken for one.

use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::delta;
use crate::ids::{CommitId, RepoName};

/// Bytes of a URI at most.
const LONGEST: usize = 8192;

/// What a URL is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// Neither objects nor deltas: a summary, a ref, a page. Whose it is cannot be seen.
    Elsewhere,
    /// A file of a repository that says nothing without a commit. The name is none where it can be no
    /// repository's.
    File(Option<RepoName>),
    /// A commit, or a delta to it. The commit is none where the file can be no commit's that there is.
    Commit(Option<RepoName>, Option<CommitId>),
}

/// Why a URI is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUri {
    /// It is too long.
    #[error("it has over {LONGEST} bytes")]
    TooLong,
    /// It is no absolute path.
    #[error("it does not begin with a slash")]
    NoPath,
    /// A space, a control character, or what is not ASCII.
    #[error("it has a character that must be percent-encoded")]
    Character,
    /// A percent sign before anything but two hexadecimal digits.
    #[error("a percent sign stands before anything but two hexadecimal digits")]
    Escape,
    /// An encoded slash, percent sign or control character, or what is no UTF-8.
    #[error(
        "a slash, a percent sign, a control character or what is no UTF-8 is percent-encoded in it"
    )]
    Encoded,
    /// A backslash, a semicolon or a fragment.
    #[error("a backslash, a semicolon, a question mark or a fragment is in its path")]
    Delimiter,
    /// Two URIs, joined by whoever merges headers.
    #[error("it looks like two, joined by a comma")]
    Joined,
    /// An empty segment.
    #[error("two slashes stand together")]
    Empty,
    /// A segment that leads elsewhere.
    #[error("a segment is . or ..")]
    Dots,
    /// Two segments that could each be the one behind the repository.
    #[error("objects or deltas stand in it more than once")]
    Ambiguous,
}

impl Resource {
    /// What this request target is of: a path, with a query that does not count. It is decoded once.
    ///
    /// # Errors
    /// [`InvalidUri`] where two programs could read it in two ways.
    pub fn of_uri(uri: &str) -> Result<Self, InvalidUri> {
        if uri.len() > LONGEST {
            return Err(InvalidUri::TooLong);
        }
        if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidUri::Character);
        }
        if uri.contains('#') {
            return Err(InvalidUri::Delimiter);
        }
        let path = uri.split_once('?').map_or(uri, |(path, _)| path);
        let path = decode(path)?;
        let segments = segments(&path)?;
        classify(&segments)
    }

    /// The repository, where there is one; none in it where the name can be no repository's.
    #[must_use]
    pub fn repo(&self) -> Option<Option<&RepoName>> {
        match self {
            Self::Elsewhere => None,
            Self::File(repo) | Self::Commit(repo, _) => Some(repo.as_ref()),
        }
    }
}

/// Decodes once, and refuses what would mean something else if it were decoded again, or not at all.
fn decode(path: &str) -> Result<String, InvalidUri> {
    if path.contains([';', '\\']) {
        return Err(InvalidUri::Delimiter);
    }
    if path.contains(",/") {
        return Err(InvalidUri::Joined);
    }
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let mut pieces = path.split('%');
    let plain = pieces.next().unwrap_or_default();
    if !pieces.clone().all(is_escape) {
        return Err(InvalidUri::Escape);
    }
    let slashes = |text: &str| text.matches('/').count();
    let written = slashes(plain) + pieces.map(slashes).sum::<usize>();
    let decoded = percent_decode_str(path).decode_utf8();
    let decoded = decoded.map_err(|_| InvalidUri::Encoded)?;
    if slashes(&decoded) != written || decoded.contains(|c: char| c == '%' || c.is_control()) {
        return Err(InvalidUri::Encoded);
    }
    if decoded.contains([';', '\\', '?', '#']) {
        return Err(InvalidUri::Delimiter);
    }
    Ok(decoded.into_owned())
}

/// The segments; the last one is empty where the path ends with a slash.
fn segments(path: &str) -> Result<Vec<&str>, InvalidUri> {
    let path = path.strip_prefix('/').ok_or(InvalidUri::NoPath)?;
    let segments: Vec<&str> = path.split('/').collect();
    let (_, before) = segments.split_last().unwrap_or((&"", &[]));
    if before.iter().any(|segment| segment.is_empty()) {
        return Err(InvalidUri::Empty);
    }
    if segments
        .iter()
        .any(|segment| matches!(*segment, "." | ".."))
    {
        return Err(InvalidUri::Dots);
    }
    Ok(segments)
}

fn classify(segments: &[&str]) -> Result<Resource, InvalidUri> {
    let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
    // What stands last has nothing below it.
    let above = &segments[..segments.len().saturating_sub(1)];
    let mut marks = above
        .iter()
        .enumerate()
        .filter(|(_, segment)| is(segment, "objects") || is(segment, "deltas"));
    let Some((at, mark)) = marks.next() else {
        return Ok(Resource::Elsewhere);
    };
    if marks.next().is_some() {
        return Err(InvalidUri::Ambiguous);
    }
    let (before, below) = (&segments[..at], &segments[at + 1..]);
    let repo = before.last().and_then(|name| name.parse().ok());
    if is(mark, "deltas") {
        return Ok(Resource::Commit(repo, delta::target(below)));
    }
    if below.iter().any(|segment| may_be_commit(segment)) {
        return Ok(Resource::Commit(repo, commit(below)));
    }
    Ok(Resource::File(repo))
}

/// Whether an origin could take this for a commit: one that folds cases, or cuts off a trailing dot, a
/// space, a stream's name (`.commit::$DATA`). Detached metadata (`.commitmeta`) is no commit.
fn may_be_commit(segment: &str) -> bool {
    let folded = segment.to_ascii_lowercase();
    folded.contains(".commit") && !folded.ends_with(".commitmeta")
}

/// `ab/cdef….commit`.
fn commit(below: &[&str]) -> Option<CommitId> {
    let [first, rest] = below else {
        return None;
    };
    let name = format!("{first}{rest}").to_ascii_lowercase();
    let checksum = name.strip_suffix(".commit")?;
    checksum.parse().ok().filter(|_| first.len() == 2)
}
