//! The identity certificate of an exported consumer. Its key travels inside the manifest, so it must be
//! worth nothing but its name: it is no CA, and may sign neither certificates nor manifests.

use openssl::{
    pkey::PKey,
    rsa::Rsa,
    x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage},
};

use crate::{
    build::{Authority, BuildError, Request, Validity, certify, random_serial},
    ids::ConsumerUuid,
    manifest::IssuedCertificate,
    secret::PrivateKeyPem,
};

/// Issues a certificate with a new key for the consumer. RSA: every client of Candlepin's reads it.
///
/// # Errors
/// [`BuildError::Crypto`].
pub fn issue_identity(
    ca: &Authority,
    uuid: &ConsumerUuid,
    validity: Validity,
) -> Result<IssuedCertificate, BuildError> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut usage = KeyUsage::new();
    usage.critical().digital_signature().key_encipherment();
    let serial = random_serial()?;
    let request = Request {
        subject: &[("CN", uuid.as_str())],
        serial,
        validity,
        ca: None,
        usage,
        more: vec![
            BasicConstraints::new().critical().build()?,
            ExtendedKeyUsage::new().client_auth().build()?,
        ],
    };
    let certificate = certify(&request, &key, Some(ca))?;
    let key = zeroize::Zeroizing::new(key.private_key_to_pem_pkcs8()?);
    Ok(IssuedCertificate {
        cert: String::from_utf8_lossy(&certificate.to_pem()?).into_owned(),
        key: Some(PrivateKeyPem::new(
            String::from_utf8_lossy(&key).into_owned(),
        )),
        serial: u64::from_be_bytes(serial).to_string(),
        not_before: validity.from,
        not_after: validity.until,
    })
}
