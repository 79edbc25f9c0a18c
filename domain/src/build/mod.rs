//! Makes signed manifests from a small description: for the demo, for tests, for exports.
//!
//! What is written here is read by the importer without exceptions, and has the marks of genuine
//! archives: data descriptors, comments, key and certificate in one text.

mod archive;
mod authority;
mod certificate;
mod content;
mod description;
mod writer;

pub use archive::{ArchiveWriter, InnerArchive, SignedExport, write_outer};
pub use authority::{Authority, KeyKind, Validity};
pub use description::{CdnDescription, Description, EntitlementDescription};
pub use writer::{Built, ManifestSigner, SchemeFile, write_manifest};

pub(crate) use certificate::{Request, certify, random_serial};
pub(crate) use content::candlepin_time;

use thiserror::Error;

/// Why a manifest could not be made.
#[derive(Debug, Error)]
pub enum BuildError {
    /// OpenSSL could not make or use a key.
    #[error("OpenSSL could not make a key, certificate or signature: {0}")]
    Crypto(#[from] openssl::error::ErrorStack),
    /// A file could not be written.
    #[error("the manifest could not be written: {0}")]
    Io(#[from] std::io::Error),
    /// The zip library refused to write.
    #[error("the manifest could not be written: {0}")]
    Zip(#[source] zip::result::ZipError),
    /// The description cannot be followed.
    #[error("the description: {0}")]
    Description(String),
}

/// What the zip library could not write is the disk's fault.
impl From<zip::result::ZipError> for BuildError {
    fn from(error: zip::result::ZipError) -> Self {
        match error {
            zip::result::ZipError::Io(error) => Self::Io(error),
            other => Self::Zip(other),
        }
    }
}
