//! Who signs a manifest, and a whole one from a description.

use std::{
    collections::BTreeSet,
    io::{Read, Seek, Write},
};

use openssl::{
    pkey::{PKey, Private},
    sign::Signer,
};
use serde_json::json;
use time::OffsetDateTime;

use super::{Authority, BuildError, Description, archive::ArchiveWriter, content::Content};
use crate::trust::SignatureAlgorithm;

/// What `scheme.json` shall say. It need not be true: tests make liars with it.
#[derive(Debug, Clone)]
pub struct SchemeFile {
    /// The signing certificate, PEM.
    pub certificate_pem: String,
    /// `signature_algorithm`.
    pub signature_algorithm: String,
    /// `key_algorithm`.
    pub key_algorithm: String,
}

/// Who signs, how, and what the archive says of it.
pub struct ManifestSigner {
    key: PKey<Private>,
    algorithm: SignatureAlgorithm,
    scheme: Option<SchemeFile>,
}

/// What was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// Entitlements in it.
    pub entitlements: u32,
    /// Bytes of the inner archive.
    pub export_bytes: u64,
}

impl ManifestSigner {
    /// Signs with `SHA256withRSA` and no `scheme.json`, as every importer reads it.
    #[must_use]
    pub fn legacy(authority: &Authority) -> Self {
        Self {
            key: authority.key.clone(),
            algorithm: SignatureAlgorithm::Sha256WithRsa,
            scheme: None,
        }
    }

    /// Signs with `algorithm` and names the authority's certificate in `scheme.json`.
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn with_scheme(
        authority: &Authority,
        algorithm: SignatureAlgorithm,
    ) -> Result<Self, BuildError> {
        let scheme = SchemeFile {
            certificate_pem: authority.certificate_pem()?,
            signature_algorithm: algorithm.name().to_owned(),
            key_algorithm: algorithm.key_name().to_owned(),
        };
        Ok(Self::claiming(authority, algorithm, scheme))
    }

    /// Signs with `algorithm` and says `scheme`, true or not.
    #[must_use]
    pub fn claiming(
        authority: &Authority,
        algorithm: SignatureAlgorithm,
        scheme: SchemeFile,
    ) -> Self {
        Self {
            key: authority.key.clone(),
            algorithm,
            scheme: Some(scheme),
        }
    }

    /// Refuses a key that cannot sign with the algorithm: the file would be of no use to anybody.
    fn check(&self) -> Result<(), BuildError> {
        let checked = self.algorithm.check_key(&self.key);
        checked.map_err(|misfit| {
            BuildError::Description(format!("the CA cannot sign so: {}", misfit.0))
        })
    }

    /// `export/scheme.json`, where there is to be one.
    pub(super) fn scheme_json(&self) -> Result<Option<Vec<u8>>, BuildError> {
        self.scheme.as_ref().map(SchemeFile::json).transpose()
    }

    /// Whether the signature takes the message at once, in memory.
    #[must_use]
    pub fn is_oneshot(&self) -> bool {
        self.algorithm.digest().is_none()
    }

    /// Signs a message of this many bytes.
    pub(super) fn sign(&self, message: &mut impl Read, bytes: u64) -> Result<Vec<u8>, BuildError> {
        let Some(digest) = self.algorithm.digest() else {
            let mut whole = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
            message.read_to_end(&mut whole)?;
            return Ok(Signer::new_without_digest(&self.key)?.sign_oneshot_to_vec(&whole)?);
        };
        let mut signer = Signer::new(digest, &self.key)?;
        std::io::copy(message, &mut signer)?;
        Ok(signer.sign_to_vec()?)
    }
}

impl SchemeFile {
    fn json(&self) -> Result<Vec<u8>, BuildError> {
        let der = openssl::x509::X509::from_pem(self.certificate_pem.as_bytes())?.to_der()?;
        let content = json!({
            "name": "portolan", "certificate": openssl::base64::encode_block(&der),
            "signature_algorithm": self.signature_algorithm, "key_algorithm": self.key_algorithm,
        });
        Ok(content.to_string().into_bytes())
    }
}

/// Writes a whole manifest to `out`. The inner archive is built in `spool`, an empty file.
/// Entitlement certificates are issued by `ca`; `extra` files are put in as they are.
///
/// # Errors
/// [`BuildError`] says what could not be made or written.
pub fn write_manifest<F: Read + Write + Seek>(
    description: &Description,
    (ca, signer): (&Authority, &ManifestSigner),
    extra: &[(String, Vec<u8>)],
    now: OffsetDateTime,
    (out, spool): (impl Write, F),
) -> Result<Built, BuildError> {
    signer.check()?;
    let content = Content::new(description, ca, now)?;
    let mut archive = ArchiveWriter::new(spool);
    for (path, bytes) in content.headers()?.iter().chain(extra) {
        archive.add(path, bytes)?;
    }
    let mut products = BTreeSet::new();
    let mut entitlements = 0;
    for (number, described) in description.numbered() {
        for (path, bytes) in content.entitlement(number, &described)? {
            archive.add(&path, &bytes)?;
        }
        entitlements += 1;
        let product = described.product_id;
        let product = product.unwrap_or_else(|| format!("{}", 900_000 + number % 100));
        if products.insert(product.clone()) {
            let (path, bytes) = content.product(&product);
            archive.add(&path, &bytes)?;
        }
    }
    let export = archive.finish(signer, &description.uuid())?;
    let export_bytes = export.bytes();
    export.sign(signer)?.write(out)?;
    Ok(Built {
        entitlements,
        export_bytes,
    })
}
