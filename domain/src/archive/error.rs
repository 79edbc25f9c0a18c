//! Why an upload is no archive of the right shape, with the entry and the limit it broke.

use std::{fmt, io};

use thiserror::Error;
use zip::result::ZipError;

/// Which of the two archives is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchivePart {
    /// The upload: `consumer_export.zip` and `signature`.
    Outer,
    /// `consumer_export.zip`, everything under `export/`.
    Inner,
}

impl fmt::Display for ArchivePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outer => "the upload",
            Self::Inner => "consumer_export.zip",
        })
    }
}

/// What is wrong, without saying where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArchiveFault {
    /// No end-of-central-directory record where one must be.
    #[error("is not a zip archive, or it is cut off")]
    NotAZip,
    /// The archive has no entry.
    #[error("is an empty zip archive")]
    Empty,
    /// The zip library refused it.
    #[error("cannot be read as a zip archive: {0}")]
    Malformed(String),
    /// Bytes before the first entry.
    #[error("has bytes before its first entry")]
    Prefix,
    /// Bytes after the end record's comment, or a second end record in the comment.
    #[error("has bytes after its end record, or two end records")]
    Tail,
    /// Bytes that belong to no entry.
    #[error("has a gap of {0} bytes that belong to no entry")]
    Gap(u64),
    /// Entries that share bytes.
    #[error("has entries that overlap")]
    Overlap,
    /// The directory is not what the end record says.
    #[error("has a directory that is not where or as long as its end record says")]
    Directory,
    /// A name twice.
    #[error("has this name twice")]
    NameTwice,
    /// A name that is no plain relative path.
    #[error("has a name that is {0}")]
    Name(&'static str),
    /// A symbolic link, a device or the like.
    #[error("is not a regular file")]
    NotAFile,
    /// An encrypted entry.
    #[error("is encrypted")]
    Encrypted,
    /// A compression other than stored and deflate.
    #[error("uses a compression other than stored and deflate")]
    Compression,
    /// An entry that must not be there.
    #[error("is not expected: there must be exactly consumer_export.zip and signature")]
    Unexpected,
    /// An entry that must be there.
    #[error("is missing")]
    Missing,
    /// An entry without content.
    #[error("is empty")]
    EmptyEntry,
    /// More than a limit allows.
    #[error("is over the limit {limit} = {allowed}")]
    Limit {
        /// The key below `import.limits`.
        limit: &'static str,
        /// The limit's value.
        allowed: u64,
    },
    /// `scheme.json` that cannot be read.
    #[error("cannot be read: {0}")]
    Scheme(String),
}

/// A refused archive: which one, which entry, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveError {
    /// Which archive.
    pub part: ArchivePart,
    /// The entry, where the fault is one entry's.
    pub entry: Option<String>,
    /// What is wrong.
    pub fault: ArchiveFault,
}

impl ArchiveError {
    pub(crate) fn new(part: ArchivePart, fault: ArchiveFault) -> Self {
        let entry = None;
        Self { part, entry, fault }
    }

    pub(crate) fn at(part: ArchivePart, entry: &str, fault: ArchiveFault) -> Self {
        // A hostile name is shown shortened and escaped: it ends in logs and terminals.
        let shown: String = entry.escape_debug().take(200).collect();
        let entry = Some(shown);
        Self { part, entry, fault }
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "{}: the entry {entry} {}", self.part, self.fault),
            None => write!(f, "{} {}", self.part, self.fault),
        }
    }
}

impl std::error::Error for ArchiveError {}

/// A refusal, or a fault of our own disk, which is never the upload's.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The archive is refused.
    #[error(transparent)]
    Refused(#[from] ArchiveError),
    /// The temporary file could not be read or written.
    #[error("the temporary file could not be read or written")]
    Disk(#[source] io::Error),
}

impl OpenError {
    /// Sorts what a reader inside a zip reports: bad bytes are the archive's, the rest is ours.
    pub(crate) fn from_read(part: ArchivePart, entry: Option<&str>, error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput | Kind::Other => {
                let fault = ArchiveFault::Malformed(error.to_string());
                Self::Refused(match entry {
                    Some(entry) => ArchiveError::at(part, entry, fault),
                    None => ArchiveError::new(part, fault),
                })
            }
            _ => Self::Disk(error),
        }
    }

    pub(crate) fn from_zip(part: ArchivePart, entry: Option<&str>, error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => Self::from_read(part, entry, error),
            other => Self::from_read(part, entry, io::Error::other(other.to_string())),
        }
    }
}
