//! The trust anchors: upstream CAs by file name, their settings, and where one stands today.

use std::collections::BTreeSet;

use thiserror::Error;
use time::OffsetDateTime;

use super::certificate::{Certificate, CertificateError};
use crate::{
    digest::Sha256Digest,
    ids::{CaFilename, OwnerKey},
};

/// Where an anchor came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorSource {
    /// A file of the watched directory.
    Directory,
    /// Added over REST, kept in the database.
    Database,
}

/// What an operator set for an anchor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnchorSettings {
    /// It verifies no archive without `scheme.json`.
    pub require_scheme: bool,
    /// The owners whose manifests it verifies; none means all.
    pub owners: Option<BTreeSet<OwnerKey>>,
}

/// One trusted certificate.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// The file's name, which is the CA's name everywhere.
    pub filename: CaFilename,
    /// Where it came from.
    pub source: AnchorSource,
    /// The certificate.
    pub certificate: Certificate,
    /// Its settings.
    pub settings: AnchorSettings,
}

/// A file that cannot be an anchor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the upstream CA {filename} {error}")]
pub struct AnchorFault {
    /// The file.
    pub filename: CaFilename,
    /// What is wrong with it.
    pub error: CertificateError,
}

/// All anchors of the moment, by file name.
#[derive(Debug, Clone, Default)]
pub struct TrustAnchors(Vec<Anchor>);

/// What became of the CA that once verified a manifest.
#[derive(Debug, Clone)]
pub enum CaStatus<'a> {
    /// It is among today's anchors, perhaps renamed or renewed.
    Present(&'a Anchor),
    /// An operator took it away.
    Missing,
}

impl Anchor {
    /// Reads all anchors of one file.
    ///
    /// # Errors
    /// [`AnchorFault`] where the file holds no readable certificate.
    pub fn from_file(
        filename: &CaFilename,
        source: AnchorSource,
        bytes: &[u8],
        settings: &AnchorSettings,
    ) -> Result<Vec<Self>, AnchorFault> {
        let found = Certificate::all_from_file(bytes).map_err(|error| AnchorFault {
            filename: filename.clone(),
            error,
        })?;
        let anchor = |certificate| Self {
            filename: filename.clone(),
            source,
            certificate,
            settings: settings.clone(),
        };
        Ok(found.into_iter().map(anchor).collect())
    }
}

/// The certificates of these anchors as PEM, and nothing else that stood in their file: a private key
/// beside a certificate is not for keeping.
///
/// # Errors
/// [`CertificateError`] where OpenSSL cannot write one.
pub fn certificates_pem(anchors: &[Anchor]) -> Result<String, CertificateError> {
    anchors
        .iter()
        .map(|anchor| anchor.certificate.to_pem())
        .collect()
}

impl TrustAnchors {
    /// Sorts the anchors by file name, a directory's before the database's.
    #[must_use]
    pub fn new(mut anchors: Vec<Anchor>) -> Self {
        anchors.sort_by(|a, b| {
            let key = |anchor: &Anchor| anchor.source == AnchorSource::Database;
            a.filename.cmp(&b.filename).then(key(a).cmp(&key(b)))
        });
        Self(anchors)
    }

    /// All anchors, by file name.
    pub fn iter(&self) -> impl Iterator<Item = &Anchor> {
        self.0.iter()
    }

    /// Where the CA of this certificate, or else of this public key, is today.
    #[must_use]
    pub fn status(
        &self,
        filename: &str,
        sha256: Sha256Digest,
        spki_sha256: Sha256Digest,
    ) -> CaStatus<'_> {
        let same_certificate = |anchor: &&Anchor| anchor.certificate.sha256() == sha256;
        let same_key = |anchor: &&Anchor| anchor.certificate.spki_sha256() == spki_sha256;
        let same_name = |anchor: &&Anchor| anchor.filename.as_str() == filename;
        let find = |same: &dyn Fn(&&Anchor) -> bool| {
            let named = self.0.iter().find(|a| same(a) && same_name(a));
            named.or_else(|| self.0.iter().find(same))
        };
        match find(&same_certificate).or_else(|| find(&same_key)) {
            Some(anchor) => CaStatus::Present(anchor),
            None => CaStatus::Missing,
        }
    }

    /// The public keys of a file that no other anchor has: whoever they verified has no CA once the
    /// file is gone.
    #[must_use]
    pub fn keys_of_nobody_else(
        &self,
        file: &CaFilename,
        source: AnchorSource,
    ) -> Vec<Sha256Digest> {
        let is_of_file = |anchor: &&Anchor| anchor.filename == *file && anchor.source == source;
        let (of_file, others): (Vec<_>, Vec<_>) = self.0.iter().partition(is_of_file);
        let key = |anchor: &&Anchor| anchor.certificate.spki_sha256();
        let kept: BTreeSet<_> = others.iter().map(key).collect();
        let own: BTreeSet<_> = of_file.iter().map(key).collect();
        own.difference(&kept).copied().collect()
    }

    /// Why `anchor` may not vouch for this owner's manifest now, or nothing where it may.
    ///
    /// Settings hold for every anchor with the same public key, the strictest counting: a second
    /// file with the same key lifts nothing.
    pub(super) fn objection(
        &self,
        anchor: &Anchor,
        owner: &OwnerKey,
        at: OffsetDateTime,
        scheme: bool,
    ) -> Option<String> {
        let key = anchor.certificate.spki_sha256();
        let twins = || self.0.iter().filter(|a| a.certificate.spki_sha256() == key);
        if let Some(why) = anchor.certificate.invalid_at(at) {
            return Some(why);
        }
        if !scheme && twins().any(|a| a.settings.require_scheme) {
            return Some("it verifies only archives with scheme.json".to_owned());
        }
        let excludes = |a: &Anchor| {
            a.settings
                .owners
                .as_ref()
                .is_some_and(|o| !o.contains(owner))
        };
        if twins().any(excludes) {
            return Some("it is not set to verify manifests of this owner".to_owned());
        }
        None
    }
}
