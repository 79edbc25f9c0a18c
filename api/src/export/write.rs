//! Writes and signs an export on a blocking thread, while the database brings more of it.

use std::fs::File;

use portolan_domain::{
    build::{Authority, BuildError, ManifestSigner, SignedExport, Validity},
    export::{ExportHeader, ExportWriter, issue_identity},
    manifest::Entitlement,
    trust::SignatureAlgorithm,
};
use portolan_storage::KeptFile;
use time::Duration;
use tokio::sync::mpsc;

use super::{options::ExportScheme, run::ExportError};

/// How long an exported identity certificate is valid: a manifest is renewed at least once a year.
const IDENTITY: Duration = Duration::days(365);
/// Where an entry of a zip without the extensions of Zip64 ends (APPNOTE.TXT 4.4.8). Candlepin's
/// manifests have none, and no importer takes one of this size.
const LARGEST: u64 = u32::MAX as u64;

/// What travels from the database to the writer. Without the end, it was cut off.
pub(super) enum Part {
    Files(Vec<KeptFile>),
    Entitlements(Vec<Entitlement>),
    End,
}

/// What an export is made of, beside its parts.
pub(super) struct Job {
    /// An empty file.
    pub spool: File,
    pub header: ExportHeader,
    /// The RSA CA: it issues the identity certificate, whoever signs.
    pub issuer: Authority,
    /// The CA that signs.
    pub ca: Authority,
    pub scheme: ExportScheme,
    /// The message that ML-DSA takes at once, in memory.
    pub oneshot_bytes: u64,
}

/// A whole export.
pub(super) struct Written {
    pub signed: SignedExport<File>,
    pub entitlements: u64,
}

impl Job {
    /// Writes the parts as they come, and signs the whole.
    pub fn write(self, parts: mpsc::Receiver<Part>) -> Result<Written, ExportError> {
        let now = self.header.created;
        let validity = Validity {
            from: now - Duration::days(1),
            until: now + IDENTITY,
        };
        let identity = issue_identity(&self.issuer, &self.header.uuid, validity)?;
        let signs = signer(&self.ca, self.scheme)?;
        let mut writer = ExportWriter::begin(self.spool, &self.header, &identity)?;
        write_parts(&mut writer, parts)?;
        let entitlements = writer.entitlements();
        let archive = writer.finish(&signs)?;
        let limit = if signs.is_oneshot() {
            self.oneshot_bytes.min(LARGEST)
        } else {
            LARGEST
        };
        let bytes = archive.bytes();
        if bytes > limit {
            return Err(ExportError::TooLarge { bytes, limit });
        }
        Ok(Written {
            signed: archive.sign(&signs)?,
            entitlements,
        })
    }
}

fn write_parts(
    writer: &mut ExportWriter<File>,
    mut parts: mpsc::Receiver<Part>,
) -> Result<(), ExportError> {
    loop {
        match parts.blocking_recv().ok_or(ExportError::Interrupted)? {
            Part::Files(files) => {
                for file in files {
                    writer.kept(&file.path, &file.content)?;
                }
            }
            Part::Entitlements(entitlements) => {
                for entitlement in &entitlements {
                    writer.entitlement(entitlement)?;
                }
            }
            Part::End => return Ok(()),
        }
    }
}

fn signer(ca: &Authority, scheme: ExportScheme) -> Result<ManifestSigner, BuildError> {
    match scheme {
        ExportScheme::Legacy => Ok(ManifestSigner::legacy(ca)),
        ExportScheme::Rsa => ManifestSigner::with_scheme(ca, SignatureAlgorithm::Sha256WithRsa),
        ExportScheme::Mldsa => ManifestSigner::with_scheme(ca, SignatureAlgorithm::MlDsa65),
    }
}
