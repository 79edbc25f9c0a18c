//! Writes the inner archive of an export, one file at a time.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    io::{Read, Seek, Write},
};

use super::{ExportHeader, entitlement};
use crate::{
    build::{ArchiveWriter, BuildError, InnerArchive, ManifestSigner},
    manifest::{Entitlement, IssuedCertificate},
};

/// An export that is being written to a spool, an empty file.
pub struct ExportWriter<F: Write> {
    archive: ArchiveWriter<F>,
    uuid: String,
    /// Hashes of serial numbers: their certificates are there as text.
    texts: HashSet<u64>,
    hasher: RandomState,
    entitlements: u64,
}

impl<F: Read + Write + Seek> ExportWriter<F> {
    /// Begins an export, with the consumer's identity certificate.
    ///
    /// # Errors
    /// [`BuildError`] where it cannot be written.
    pub fn begin(
        spool: F,
        header: &ExportHeader,
        identity: &IssuedCertificate,
    ) -> Result<Self, BuildError> {
        let mut archive = ArchiveWriter::new(spool);
        for (path, bytes) in header.files() {
            archive.add(&path, &bytes)?;
        }
        let path = format!("export/upstream_consumer/{}.json", identity.serial);
        archive.add(&path, &entitlement::identity(identity)?)?;
        Ok(Self {
            archive,
            uuid: header.uuid.to_string(),
            texts: HashSet::new(),
            hasher: RandomState::new(),
            entitlements: 0,
        })
    }

    /// Adds a file that was kept as it came, by its path below `export/`.
    ///
    /// # Errors
    /// [`BuildError`] where it cannot be written.
    pub fn kept(&mut self, path: &str, bytes: &[u8]) -> Result<(), BuildError> {
        self.archive.add(&format!("export/{path}"), bytes)
    }

    /// Adds an entitlement with its certificate.
    ///
    /// # Errors
    /// [`BuildError`] where it cannot be written.
    pub fn entitlement(&mut self, entitlement: &Entitlement) -> Result<(), BuildError> {
        let path = format!("export/entitlements/{}.json", entitlement.id);
        self.archive
            .add(&path, &entitlement::entitlement(entitlement)?)?;
        self.entitlements += 1;
        let Some(certificate) = &entitlement.certificate else {
            return Ok(());
        };
        // Two entitlements may share a certificate, and an archive has no name twice.
        if self.texts.insert(self.hasher.hash_one(&certificate.serial)) {
            let path = format!("export/entitlement_certificates/{}.pem", certificate.serial);
            self.archive.add(&path, &entitlement::text(certificate))?;
        }
        Ok(())
    }

    /// How many entitlements are in it.
    #[must_use]
    pub fn entitlements(&self) -> u64 {
        self.entitlements
    }

    /// Ends the archive, which says how it will be signed.
    ///
    /// # Errors
    /// [`BuildError`] where it cannot be written.
    pub fn finish(self, signer: &ManifestSigner) -> Result<InnerArchive<F>, BuildError> {
        self.archive.finish(signer, &self.uuid)
    }
}
