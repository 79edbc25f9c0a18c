//! The two archives of a manifest: the inner one, file by file, then the outer one around it and its
//! signature. They have the marks of genuine ones: data descriptors and comments.

use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

use zip::{
    CompressionMethod, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

use super::{BuildError, ManifestSigner};

/// An inner archive that is being written to a spool, an empty file.
pub struct ArchiveWriter<F: Write>(ZipWriter<StreamWriter<BufWriter<F>>>);

/// An inner archive that is whole, and not signed yet.
pub struct InnerArchive<F> {
    file: F,
    bytes: u64,
}

/// An inner archive with its signature.
pub struct SignedExport<F> {
    file: F,
    signature: Vec<u8>,
}

impl<F: Read + Write + Seek> ArchiveWriter<F> {
    /// Begins an archive.
    pub fn new(spool: F) -> Self {
        Self(ZipWriter::new_stream(BufWriter::new(spool)))
    }

    /// Adds a file.
    ///
    /// # Errors
    /// [`BuildError`] where it could not be written, or is there already.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), BuildError> {
        add(&mut self.0, path, bytes)
    }

    /// Ends the archive of the consumer with this uuid. How it will be signed stands in it.
    ///
    /// # Errors
    /// [`BuildError`] where it could not be written.
    pub fn finish(
        mut self,
        signer: &ManifestSigner,
        uuid: &str,
    ) -> Result<InnerArchive<F>, BuildError> {
        if let Some(scheme) = signer.scheme_json()? {
            self.add("export/scheme.json", &scheme)?;
        }
        self.0.set_comment(format!("Candlepin export for {uuid}"))?;
        let file = self.0.finish()?.into_inner().into_inner();
        let mut file = file.map_err(std::io::IntoInnerError::into_error)?;
        let bytes = file.seek(SeekFrom::End(0))?;
        Ok(InnerArchive { file, bytes })
    }
}

impl<F: Read + Seek> InnerArchive<F> {
    /// How large it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`BuildError`] where it could not be read or signed.
    pub fn sign(mut self, signer: &ManifestSigner) -> Result<SignedExport<F>, BuildError> {
        self.file.seek(SeekFrom::Start(0))?;
        let signature = signer.sign(&mut self.file, self.bytes)?;
        self.file.seek(SeekFrom::Start(0))?;
        Ok(SignedExport {
            file: self.file,
            signature,
        })
    }
}

impl<F: Read> SignedExport<F> {
    /// Writes the manifest.
    ///
    /// # Errors
    /// [`BuildError`] where it could not be written.
    pub fn write(mut self, out: impl Write) -> Result<(), BuildError> {
        write_outer(out, &mut self.file, &self.signature)
    }
}

/// Writes the outer archive around an inner one and its signature.
///
/// # Errors
/// [`BuildError`] where it could not be written.
pub fn write_outer(
    out: impl Write,
    export: &mut impl Read,
    signature: &[u8],
) -> Result<(), BuildError> {
    let mut zip = ZipWriter::new_stream(out);
    zip.start_file("consumer_export.zip", options())?;
    std::io::copy(export, &mut zip)?;
    add(&mut zip, "signature", signature)?;
    zip.set_comment("signed Candlepin export")?;
    zip.finish()?.into_inner().flush()?;
    Ok(())
}

fn options() -> SimpleFileOptions {
    // No clock here: the entries' own times say nothing to anybody.
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .large_file(false)
}

fn add<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    path: &str,
    bytes: &[u8],
) -> Result<(), BuildError> {
    zip.start_file(path, options())?;
    zip.write_all(bytes)?;
    Ok(())
}
