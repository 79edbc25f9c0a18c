//! The instance's own signing CAs: one with an RSA key, which every importer verifies, and one with an
//! ML-DSA key. The second is self-signed too: issued by the first, it would be no stronger than RSA.
//!
//! Both are made at first need. Whoever asks first may go away, and many may ask at once: the keys are
//! made in a task of their own, once, and of two nodes that make them at once one wins.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use portolan_domain::{
    build::{Authority, BuildError, KeyKind, Validity},
    digest::Sha256Digest,
    trust::{Certificate, SignatureAlgorithm},
};
use portolan_storage::{Actor, NewSigningKey, SigningKey, SigningPurpose, Store};
use time::{Duration, OffsetDateTime};
use tokio::sync::{OnceCell, Semaphore};

use super::run::ExportError;
use crate::{clock::Clock, patience::patiently};

/// The algorithms, in the order in which their certificates are served.
const ALGORITHMS: [(SignatureAlgorithm, KeyKind); 2] = [
    (SignatureAlgorithm::Sha256WithRsa, KeyKind::Rsa(3072)),
    (SignatureAlgorithm::MlDsa65, KeyKind::MlDsa65),
];
/// How long a CA is valid.
const LIFETIME: Duration = Duration::days(3652);
/// Clocks differ: a CA that was just made is no CA of tomorrow's downstream.
const EARLIER: Duration = Duration::days(1);
/// How long nothing is made after keys could not be stored.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(10);
/// Who waits for them at most, while they are made or the database hangs: anybody may ask.
const MOST_WAITING: usize = 64;

/// The signing CAs; cheap to clone.
#[derive(Clone)]
pub struct SigningCas(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    known: OnceCell<Arc<SigningCertificates>>,
    /// When keys could not be stored.
    failed: Mutex<Option<Instant>>,
    waiting: Arc<Semaphore>,
}

/// What everybody may know of the signing CAs.
#[derive(Debug)]
pub struct SigningCertificates {
    keys: Vec<SigningKey>,
    /// The certificates, PEM, the RSA one first.
    pub pem: String,
    /// Changes with them.
    pub sha256: Sha256Digest,
}

impl SigningCertificates {
    /// All of them, or nothing: whoever installs one alone would refuse half of what is signed here.
    fn of(keys: Vec<SigningKey>) -> Option<Self> {
        let of_algorithm = |(algorithm, _): &(SignatureAlgorithm, _)| {
            let found = keys.iter().find(|key| key.algorithm == algorithm.name());
            found.map(|key| key.public_pem.as_str())
        };
        let pems: Option<Vec<&str>> = ALGORITHMS.iter().map(of_algorithm).collect();
        let pem = pems?.concat();
        let sha256 = Sha256Digest::of(pem.as_bytes());
        Some(Self { keys, pem, sha256 })
    }
}

impl SigningCas {
    /// The CAs of this store. Nothing is made yet.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            known: OnceCell::new(),
            failed: Mutex::default(),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
        }))
    }

    /// The certificates; made where there are none yet.
    ///
    /// # Errors
    /// Where the database fails, or too many wait.
    pub async fn certificates(&self) -> Result<Arc<SigningCertificates>, ExportError> {
        if let Some(known) = self.0.known.get() {
            return Ok(known.clone());
        }
        let place = self.0.waiting.clone().try_acquire_owned();
        let place = place.map_err(|_| ExportError::Busy)?;
        let this = self.0.clone();
        // On its own: else somebody who asks and goes away, again and again, would have a key made
        // each time, and nobody would ever get one.
        let found = tokio::spawn(async move {
            let _until_then = place;
            let found = this.known.get_or_try_init(|| this.find_or_make()).await?;
            Ok(found.clone())
        });
        found.await.map_err(|_| ExportError::Interrupted)?
    }

    /// The CA that signs with this algorithm, its key unsealed.
    pub(super) async fn authority(
        &self,
        algorithm: SignatureAlgorithm,
    ) -> Result<Authority, ExportError> {
        let certificates = self.certificates().await?;
        let mut keys = certificates.keys.iter();
        let ca = keys
            .find(|key| key.algorithm == algorithm.name())
            .ok_or(ExportError::Interrupted)?;
        let secret = self
            .0
            .store
            .signing_secret(SigningPurpose::Manifest, &ca.kid)
            .await?;
        Ok(Authority::from_pem(&ca.public_pem, &secret)?)
    }
}

impl Inner {
    /// Whether keys were made in vain a moment ago: anybody may ask, and making them is dear.
    fn failed_lately(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < PAUSE)
    }

    async fn find_or_make(&self) -> Result<Arc<SigningCertificates>, ExportError> {
        let stored = self.store.signing_keys(SigningPurpose::Manifest);
        let stored = patiently(stored, false).await?;
        let missing: Vec<_> = ALGORITHMS
            .into_iter()
            .filter(|(algorithm, _)| stored.iter().all(|key| key.algorithm != algorithm.name()))
            .collect();
        if let Some(found) = SigningCertificates::of(stored) {
            return Ok(Arc::new(found));
        }
        if self.failed_lately() {
            return Err(ExportError::Busy);
        }
        let now = self.clock.now();
        let made = tokio::task::spawn_blocking(move || make(&missing, now));
        let made = made.await.map_err(|_| ExportError::Interrupted)??;
        let by = Actor::system(now);
        let added = self
            .store
            .add_signing_keys(SigningPurpose::Manifest, made, &by)
            .await;
        if added.is_err() {
            let now = Some(Instant::now());
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
        added?;
        // What is stored counts, which may be another node's.
        let stored = self.store.signing_keys(SigningPurpose::Manifest).await?;
        let found = SigningCertificates::of(stored).ok_or(ExportError::Interrupted)?;
        Ok(Arc::new(found))
    }
}

fn make(
    missing: &[(SignatureAlgorithm, KeyKind)],
    now: OffsetDateTime,
) -> Result<Vec<NewSigningKey>, BuildError> {
    let validity = Validity {
        from: now - EARLIER,
        until: now + LIFETIME,
    };
    let make = |(algorithm, kind): &(SignatureAlgorithm, KeyKind)| {
        let ca = Authority::of_instance(*kind, validity)?;
        let public_pem = ca.certificate_pem()?;
        let certificate = Certificate::from_pem(public_pem.as_bytes());
        let certificate =
            certificate.map_err(|error| BuildError::Description(error.to_string()))?;
        Ok(NewSigningKey {
            kid: certificate.spki_sha256().to_string(),
            algorithm: algorithm.name(),
            not_after: certificate.not_after(),
            key: ca.key_pem()?,
            public_pem,
        })
    };
    missing.iter().map(make).collect()
}
