//! Packs and signs a manifest: the inner archive first, then its signature beside it.

use std::{
    collections::BTreeSet,
    io::{Read, Seek, SeekFrom, Write},
};

use openssl::{
    pkey::{PKey, Private},
    sign::Signer,
};
use serde_json::json;
use time::OffsetDateTime;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Authority, BuildError, Description, content::Content};
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

    fn sign(&self, message: &mut impl Read) -> Result<Vec<u8>, BuildError> {
        let Some(digest) = self.algorithm.digest() else {
            let mut whole = Vec::new();
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
    (out, mut spool): (impl Write, F),
) -> Result<Built, BuildError> {
    signer.check()?;
    let content = Content::new(description, ca, now)?;
    let mut zip = ZipWriter::new_stream(&mut spool);
    for (path, bytes) in content.headers()?.iter().chain(extra) {
        add(&mut zip, path, bytes)?;
    }
    let mut products = BTreeSet::new();
    let mut entitlements = 0;
    for (number, described) in description.numbered() {
        for (path, bytes) in content.entitlement(number, &described)? {
            add(&mut zip, &path, &bytes)?;
        }
        entitlements += 1;
        let product = described.product_id;
        let product = product.unwrap_or_else(|| format!("{}", 900_000 + number % 100));
        if products.insert(product.clone()) {
            let (path, bytes) = content.product(&product);
            add(&mut zip, &path, &bytes)?;
        }
    }
    if let Some(scheme) = &signer.scheme {
        add(&mut zip, "export/scheme.json", &scheme.json()?)?;
    }
    zip.set_comment(format!("Candlepin export for {}", description.uuid()))?;
    zip.finish()?;
    let export_bytes = spool.seek(SeekFrom::End(0))?;
    spool.seek(SeekFrom::Start(0))?;
    let signature = signer.sign(&mut spool)?;
    spool.seek(SeekFrom::Start(0))?;
    write_outer(out, &mut spool, &signature)?;
    Ok(Built {
        entitlements,
        export_bytes,
    })
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
