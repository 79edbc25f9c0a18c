//! An upload on our disk: a file without a name, readable by nobody else, gone with its descriptor.

use std::{
    fs::{DirBuilder, File},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use portolan_domain::digest::{DigestWriter, Sha256Digest};
use portolan_storage::Upload;

/// Where uploads wait.
#[derive(Debug, Clone)]
pub struct Spool(PathBuf);

/// A whole upload.
pub struct ReceivedUpload {
    /// The bytes.
    pub file: File,
    /// Their SHA-256.
    pub sha256: Sha256Digest,
    /// How many.
    pub size: u64,
    /// The name that the client gave.
    pub file_name: Option<String>,
    /// How long receiving took, in milliseconds.
    pub receive_ms: u64,
}

impl ReceivedUpload {
    /// The upload as records describe it.
    #[must_use]
    pub fn described(&self, uploaded_by: &str) -> Upload {
        Upload {
            file_name: self.file_name.clone(),
            sha256: self.sha256,
            size: self.size,
            uploaded_by: uploaded_by.to_owned(),
        }
    }
}

/// An upload that is being received.
pub struct UploadWriter {
    writer: DigestWriter<File>,
}

impl Spool {
    /// Uses this directory, and makes it where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new(directory: &Path) -> io::Result<Self> {
        // Nobody else has any business there.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        Ok(Self(directory.to_owned()))
    }

    /// A new file: mode 0600, unlinked at once, so that nothing is left behind by a crash.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn file(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.0)
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn begin(&self) -> io::Result<UploadWriter> {
        let writer = DigestWriter::new(self.file()?);
        Ok(UploadWriter { writer })
    }
}

impl UploadWriter {
    /// Adds bytes.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// The whole upload, from its beginning.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn finish(self, file_name: Option<String>, receive_ms: u64) -> io::Result<ReceivedUpload> {
        let (mut file, sha256, size) = self.writer.finish();
        file.seek(SeekFrom::Start(0))?;
        Ok(ReceivedUpload {
            file,
            sha256,
            size,
            file_name,
            receive_ms,
        })
    }
}
