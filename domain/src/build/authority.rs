//! Certificate authorities for what this program signs itself.

use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::BigNum,
    hash::MessageDigest,
    pkey::{KeyType, PKey, PKeyRef, Private},
    rsa::Rsa,
    x509::{
        X509, X509Builder, X509Extension, X509Name,
        extension::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier},
    },
};
use time::OffsetDateTime;

use super::BuildError;
use crate::{digest::Sha256Digest, secret::PrivateKeyPem};

/// The kind of a key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with this many bits.
    Rsa(u32),
    /// EC on P-256.
    P256,
    /// Ed25519.
    Ed25519,
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
}

impl KeyKind {
    fn generate(self) -> Result<PKey<Private>, BuildError> {
        let ml_dsa = |kind| {
            // ML-DSA keys are made from a random seed (FIPS 204, 5.1).
            let mut seed = zeroize::Zeroizing::new([0; 32]);
            openssl::rand::rand_priv_bytes(&mut *seed)?;
            PKey::private_key_from_seed(None, kind, None, &*seed)
        };
        Ok(match self {
            Self::Rsa(bits) => PKey::from_rsa(Rsa::generate(bits)?)?,
            Self::P256 => PKey::ec_gen("P-256")?,
            Self::Ed25519 => PKey::generate_ed25519()?,
            Self::MlDsa44 => ml_dsa(KeyType::ML_DSA_44)?,
            Self::MlDsa65 => ml_dsa(KeyType::ML_DSA_65)?,
            Self::MlDsa87 => ml_dsa(KeyType::ML_DSA_87)?,
        })
    }
}

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first instant.
    pub from: OffsetDateTime,
    /// The last instant.
    pub until: OffsetDateTime,
}

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

/// A key with its certificate, which may issue others.
#[derive(Clone)]
pub struct Authority {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

impl Authority {
    /// A self-signed CA that may sign manifests and issue certificates.
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn self_signed(name: &str, kind: KeyKind, validity: Validity) -> Result<Self, BuildError> {
        let key = kind.generate()?;
        let subject = [("CN", name)];
        let request = Request {
            subject: &subject,
            serial: serial(name),
            validity,
            ca: Some(None),
            usage: ca_usage(),
            more: Vec::new(),
        };
        let certificate = certify(&request, &key, None)?;
        Ok(Self { certificate, key })
    }

    /// A self-signed CA of an instance's own: named after its key, so that no two are taken for each
    /// other. It signs manifests and issues leaf certificates, nothing else: no CA below it.
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn of_instance(kind: KeyKind, validity: Validity) -> Result<Self, BuildError> {
        let key = kind.generate()?;
        let key_id = Sha256Digest::of(&key.public_key_to_der()?).to_string();
        let name = format!("Portolan signing CA {}", &key_id[..8]);
        let mut usage = KeyUsage::new();
        usage.critical().digital_signature().key_cert_sign();
        let request = Request {
            subject: &[("CN", &name)],
            serial: random_serial()?,
            validity,
            ca: Some(Some(0)),
            usage,
            more: Vec::new(),
        };
        let certificate = certify(&request, &key, None)?;
        Ok(Self { certificate, key })
    }

    /// The same subject and key in a new self-signed certificate: a renewal, or one with other
    /// extensions.
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn renewed(
        &self,
        validity: Validity,
        ca: Option<Option<u32>>,
        usage: KeyUsage,
    ) -> Result<Self, BuildError> {
        let name = self.common_name();
        let subject = [("CN", name.as_str())];
        let serial = serial(&format!("{name} {}", validity.until));
        let request = Request {
            subject: &subject,
            serial,
            validity,
            ca,
            usage,
            more: Vec::new(),
        };
        let certificate = certify(&request, &self.key, None)?;
        let key = self.key.clone();
        Ok(Self { certificate, key })
    }

    /// A certificate that this one issues, with its own key: a CA (with a path length) or a leaf.
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn issue(
        &self,
        name: &str,
        kind: KeyKind,
        validity: Validity,
        ca: Option<Option<u32>>,
        usage: KeyUsage,
    ) -> Result<Self, BuildError> {
        let key = kind.generate()?;
        let subject = [("CN", name)];
        let request = Request {
            subject: &subject,
            serial: serial(name),
            validity,
            ca,
            usage,
            more: Vec::new(),
        };
        let certificate = certify(&request, &key, Some(self))?;
        Ok(Self { certificate, key })
    }

    /// Reads a CA that was written before.
    ///
    /// # Errors
    /// [`BuildError::Crypto`] where either cannot be read.
    pub fn from_pem(certificate: &str, key: &PrivateKeyPem) -> Result<Self, BuildError> {
        let certificate = X509::from_pem(certificate.as_bytes())?;
        let key = PKey::private_key_from_pem_passphrase(key.expose().as_bytes(), b"")?;
        Ok(Self { certificate, key })
    }

    /// The certificate as PEM.
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn certificate_pem(&self) -> Result<String, BuildError> {
        Ok(String::from_utf8_lossy(&self.certificate.to_pem()?).into_owned())
    }

    /// The private key as PEM (PKCS#8).
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn key_pem(&self) -> Result<PrivateKeyPem, BuildError> {
        let pem = self.key.private_key_to_pem_pkcs8()?;
        Ok(PrivateKeyPem::new(
            String::from_utf8_lossy(&pem).into_owned(),
        ))
    }

    fn common_name(&self) -> String {
        let mut names = self.certificate.subject_name().entries();
        let name = names.next().and_then(|name| name.data().to_string().ok());
        name.unwrap_or_default()
    }
}

/// Key usage of a CA that signs manifests too.
fn ca_usage() -> KeyUsage {
    let mut usage = KeyUsage::new();
    usage
        .critical()
        .digital_signature()
        .key_cert_sign()
        .crl_sign();
    usage
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
    let signer = issuer.map_or(key, |issuer| &issuer.key);
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
