//! Makes certificates: the fields and extensions that all of them have.

use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::BigNum,
    hash::MessageDigest,
    pkey::{HasPublic, KeyType, PKeyRef, Private},
    x509::{
        X509, X509Builder, X509Extension, X509Name,
        extension::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier},
    },
};
use time::OffsetDateTime;

use super::{Authority, BuildError, Validity};
use crate::digest::Sha256Digest;

/// What a new certificate is for, and who issues it.
pub(crate) struct Request<'a> {
    pub subject: &'a [(&'a str, &'a str)],
    pub serial: [u8; 8],
    pub validity: Validity,
    /// CA:TRUE with this path length.
    #[expect(
        clippy::option_option,
        reason = "no CA, a CA, or a CA with a path length"
    )]
    pub ca: Option<Option<u32>>,
    pub usage: KeyUsage,
    /// Extensions beyond those.
    pub more: Vec<X509Extension>,
}

/// A serial number that nobody can foresee (CA/Browser Forum, Baseline Requirements 7.1): positive, and
/// small enough for the signed 64 bits that Candlepin has for it.
pub(crate) fn random_serial() -> Result<[u8; 8], BuildError> {
    let mut serial = [0; 8];
    openssl::rand::rand_bytes(&mut serial)?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

/// A serial number from a text: positive, and the same at every run.
pub(super) fn serial(text: &str) -> [u8; 8] {
    let digest = Sha256Digest::of(text.as_bytes());
    let mut serial = [0; 8];
    serial.copy_from_slice(&digest.as_bytes()[..8]);
    serial[0] &= 0x7f;
    serial
}

/// The digest that signs with this key; none for those that take the message at once.
fn signing_digest(key: &PKeyRef<Private>) -> MessageDigest {
    if key.is_a(KeyType::RSA) || key.is_a(KeyType::EC) {
        MessageDigest::sha256()
    } else {
        MessageDigest::null()
    }
}

/// Makes a certificate for `key`, issued by `issuer` or by itself.
pub(crate) fn certify(
    request: &Request<'_>,
    key: &PKeyRef<Private>,
    issuer: Option<&Authority>,
) -> Result<X509, BuildError> {
    let signer = issuer.map_or(key, |issuer| &issuer.key);
    certify_public(request, key, issuer, signer)
}

/// The same for a key of which this side needs the public part alone.
pub(super) fn certify_public<T: HasPublic>(
    request: &Request<'_>,
    key: &PKeyRef<T>,
    issuer: Option<&Authority>,
    signer: &PKeyRef<Private>,
) -> Result<X509, BuildError> {
    let mut subject = X509Name::builder()?;
    for (field, value) in request.subject {
        subject.append_entry_by_text(field, value)?;
    }
    let subject = subject.build();
    let mut builder: X509Builder = X509::builder()?;
    builder.set_version(2)?;
    let serial = BigNum::from_slice(&request.serial)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    builder.set_subject_name(&subject)?;
    let issuer_name = issuer.map_or(&*subject, |issuer| issuer.certificate.subject_name());
    builder.set_issuer_name(issuer_name)?;
    builder.set_pubkey(key)?;
    let time = |at: OffsetDateTime| Asn1Time::from_unix(at.unix_timestamp());
    builder.set_not_before(&*time(request.validity.from)?)?;
    builder.set_not_after(&*time(request.validity.until)?)?;
    if let Some(path_length) = request.ca {
        let mut constraints = BasicConstraints::new();
        constraints.critical().ca();
        if let Some(length) = path_length {
            constraints.pathlen(length);
        }
        builder.append_extension(constraints.build()?)?;
    }
    builder.append_extension(request.usage.build()?)?;
    for extension in &request.more {
        builder.append_extension2(extension)?;
    }
    key_identifiers(&mut builder, request.ca.is_some(), issuer)?;
    builder.sign(signer, signing_digest(signer))?;
    Ok(builder.build())
}

/// By which chains are built: a CA has one (RFC 5280, 4.2.1.2), and what it issues names it (4.2.1.1).
fn key_identifiers(
    builder: &mut X509Builder,
    is_ca: bool,
    issuer: Option<&Authority>,
) -> Result<(), BuildError> {
    if is_ca {
        let own = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(own)?;
    }
    if let Some(issuer) = issuer {
        let context = builder.x509v3_context(Some(&issuer.certificate), None);
        let issuers = AuthorityKeyIdentifier::new().keyid(false).build(&context)?;
        builder.append_extension(issuers)?;
    }
    Ok(())
}
