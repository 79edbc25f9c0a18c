//! The CA whose certificate a registry has in its bundle. Each key that signs tokens has a leaf certificate of it,
//! which goes along with every token (`x5c`): so keys can be rotated, and no registry has to be told.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use portolan_domain::{
    build::{Authority, BuildError, Validity},
    token::TokenAlgorithm,
    trust::{Certificate, CertificateError},
};
use portolan_storage::{Actor, NewSigningKey, SigningPurpose, StorageError, Store};
use thiserror::Error;
use time::{Duration, OffsetDateTime};
use tokio::sync::OnceCell;

use crate::{clock::Clock, patience::patiently};

/// How long the CA is valid: a registry that has it must not be visited again.
const LIFETIME: Duration = Duration::days(20 * 365);
/// How long a leaf is valid. Each process makes its own.
const LEAF: Duration = Duration::days(5 * 365);
/// Clocks differ: what was just made is nothing of tomorrow's at a registry.
const EARLIER: Duration = Duration::days(1);

/// Why there is no certificate.
#[derive(Debug, Error)]
pub enum RegistryCaError {
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StorageError),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Build(#[from] BuildError),
    /// A certificate could not be read back.
    #[error("a certificate could not be read: {0}")]
    Certificate(#[from] CertificateError),
    /// It was made, and was gone before it could be used.
    #[error("the CA was removed while it was made")]
    Lost,
}

/// The CA; cheap to clone.
#[derive(Clone)]
pub struct RegistryCa(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    known: OnceCell<Authority>,
}

impl RegistryCa {
    /// That of a store. Nothing is made yet.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            known: OnceCell::new(),
        }))
    }

    /// The certificate of a key (PEM), as a token's header has it (RFC 7515, section 4.1.6).
    ///
    /// # Errors
    /// [`RegistryCaError`].
    pub async fn x5c(&self, kid: &str, public_key: &str) -> Result<String, RegistryCaError> {
        let leaf = self.leaf(kid, public_key).await?;
        Ok(BASE64_STANDARD.encode(leaf.to_der()?))
    }

    /// What a registry trusts: the CA, and the certificate of the key that signs today, PEM.
    ///
    /// # Errors
    /// [`RegistryCaError`].
    pub async fn bundle(&self, kid: &str, public_key: &str) -> Result<String, RegistryCaError> {
        let leaf = self.leaf(kid, public_key).await?;
        Ok(self.authority().await?.certificate_pem()? + &leaf.to_pem()?)
    }

    async fn leaf(&self, kid: &str, public_key: &str) -> Result<Certificate, RegistryCaError> {
        let now = self.0.clock.now();
        let ca = self.authority().await?;
        Ok(ca.certify_key(kid, public_key, validity(now, LEAF))?)
    }

    async fn authority(&self) -> Result<&Authority, RegistryCaError> {
        self.0.known.get_or_try_init(|| self.find_or_make()).await
    }

    async fn find_or_make(&self) -> Result<Authority, RegistryCaError> {
        if let Some(found) = self.find().await? {
            return Ok(found);
        }
        let now = self.0.clock.now();
        let key = make(now)?;
        let by = Actor::system(now);
        let added = self
            .0
            .store
            .add_signing_keys(SigningPurpose::RegistryCa, vec![key], &by);
        patiently(added, false).await?;
        // What is stored counts, which may be another node's.
        self.find().await?.ok_or(RegistryCaError::Lost)
    }

    async fn find(&self) -> Result<Option<Authority>, RegistryCaError> {
        let purpose = SigningPurpose::RegistryCa;
        let stored = patiently(self.0.store.signing_keys(purpose), false).await?;
        let Some(ca) = stored.first() else {
            return Ok(None);
        };
        let secret = self.0.store.signing_secret(purpose, &ca.kid);
        let secret = patiently(secret, false).await?;
        Ok(Some(Authority::from_pem(&ca.public_pem, &secret)?))
    }
}

fn validity(now: OffsetDateTime, lifetime: Duration) -> Validity {
    Validity {
        from: now - EARLIER,
        until: now + lifetime,
    }
}

fn make(now: OffsetDateTime) -> Result<NewSigningKey, RegistryCaError> {
    let ca = Authority::of_registry_keys(validity(now, LIFETIME))?;
    let public_pem = ca.certificate_pem()?;
    let certificate = Certificate::from_pem(public_pem.as_bytes())?;
    Ok(NewSigningKey {
        kid: certificate.spki_sha256().to_string(),
        algorithm: TokenAlgorithm::Es256.as_str(),
        not_after: certificate.not_after(),
        key: ca.key_pem()?,
        public_pem,
    })
}
