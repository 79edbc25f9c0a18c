//! Certificate authorities for what this program signs itself.

use openssl::{
    pkey::{KeyType, PKey, Private},
    rsa::Rsa,
    x509::{X509, extension::KeyUsage},
};
use time::OffsetDateTime;

use super::{
    BuildError,
    certificate::{Request, certify, certify_public, random_serial, serial},
};
use crate::{digest::Sha256Digest, secret::PrivateKeyPem, trust::Certificate};

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
        let mut usage = KeyUsage::new();
        usage.critical().digital_signature().key_cert_sign();
        Self::named_after_its_key("Portolan signing CA", kind, validity, usage)
    }

    /// A self-signed CA whose leaf certificates registries trust to sign their tokens, and nothing else: a registry
    /// that has it in its bundle takes whatever key comes after today's.
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn of_registry_keys(validity: Validity) -> Result<Self, BuildError> {
        let mut usage = KeyUsage::new();
        usage.critical().key_cert_sign();
        Self::named_after_its_key("Portolan registry CA", KeyKind::P256, validity, usage)
    }

    /// A certificate that this one issues for somebody's public key (PEM), which signs and issues nothing.
    ///
    /// # Errors
    /// [`BuildError::Crypto`].
    pub fn certify_key(
        &self,
        name: &str,
        public_key: &str,
        validity: Validity,
    ) -> Result<Certificate, BuildError> {
        let key = PKey::public_key_from_pem(public_key.as_bytes())?;
        let mut usage = KeyUsage::new();
        usage.critical().digital_signature();
        let request = Request {
            subject: &[("CN", name)],
            serial: random_serial()?,
            validity,
            ca: None,
            usage,
            more: Vec::new(),
        };
        let certificate = certify_public(&request, &key, Some(self), &self.key)?;
        let certificate = Certificate::new(certificate);
        certificate.map_err(|error| BuildError::Description(error.to_string()))
    }

    /// A CA with nothing below it but leaves.
    fn named_after_its_key(
        name: &str,
        kind: KeyKind,
        validity: Validity,
        usage: KeyUsage,
    ) -> Result<Self, BuildError> {
        let key = kind.generate()?;
        let key_id = Sha256Digest::of(&key.public_key_to_der()?).to_string();
        let name = format!("{name} {}", &key_id[..8]);
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
