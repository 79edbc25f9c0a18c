//! The client CAs of the moment, and whom they vouch for.
//!
//! The file is looked at every second. What a CA vouched for is remembered, since verifying costs
//! more than the rest of a small request; validity and upstream CAs are asked each time all the same.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use moka::sync::Cache;
use portolan_domain::{
    digest::Sha256Digest,
    distinguished_name::DistinguishedName,
    trust::{ClientCas, ClientChain, TrustAnchors, VerifiedClient},
};
use thiserror::Error;
use time::OffsetDateTime;

/// Chains in memory at most.
const MOST: u64 = 10_000;
/// How long a refusal is remembered.
const REFUSED: Duration = Duration::from_mins(1);

/// A file that holds no client CAs.
#[derive(Debug, Error)]
#[error("{key}: {} {why}", file.display())]
pub struct ClientCaFileError {
    key: &'static str,
    file: PathBuf,
    why: String,
}

/// Holds the client CAs; cheap to clone.
#[derive(Clone)]
pub struct ClientCaStore(Arc<Inner>);

struct Inner {
    /// What the setting is called.
    key: &'static str,
    file: Option<PathBuf>,
    current: RwLock<Option<Arc<Loaded>>>,
    /// What was read last, usable or not: its digest, or why it cannot be read.
    tried: Mutex<Option<Result<Sha256Digest, String>>>,
}

struct Loaded {
    cas: ClientCas,
    /// By all certificates that the client sent.
    verified: Cache<Sha256Digest, Arc<VerifiedClient>>,
    /// Whom no CA vouches for, for a minute: by then, a certificate may have become valid.
    refused: Cache<Sha256Digest, ()>,
}

impl ClientCaStore {
    /// An empty set; call [`ClientCaStore::reload`] before the first request.
    #[must_use]
    pub fn new(key: &'static str, file: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            key,
            file,
            current: RwLock::default(),
            tried: Mutex::default(),
        }))
    }

    /// Reads the file again, and says whether it is another than before.
    ///
    /// # Errors
    /// [`ClientCaFileError`], once for each content; the CAs that were there before go on.
    pub fn reload(&self) -> Result<bool, ClientCaFileError> {
        let Some(file) = &self.0.file else {
            return Ok(false);
        };
        let wrong = |why| ClientCaFileError {
            key: self.0.key,
            file: file.clone(),
            why,
        };
        let read = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"));
        let seen = read.as_ref().map(|pem| Sha256Digest::of(pem));
        let seen = Some(seen.map_err(Clone::clone));
        let mut tried = self.0.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if *tried == seen {
            return Ok(false);
        }
        *tried = seen;
        let cas = ClientCas::from_pem(&read.map_err(wrong)?);
        let loaded = Loaded {
            cas: cas.map_err(|error| wrong(error.to_string()))?,
            verified: Cache::new(MOST),
            refused: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(REFUSED)
                .build(),
        };
        let current = self.0.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(loaded));
        Ok(true)
    }

    /// Reads the file again and again, until the task is dropped.
    pub async fn watch(self, every: Duration) {
        if self.0.file.is_none() {
            return;
        }
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let cas = self.clone();
            match tokio::task::spawn_blocking(move || cas.reload()).await {
                Ok(Ok(true)) => tracing::info!(key = self.0.key, "new client CAs are in use"),
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => tracing::error!(%error, "the client CAs before go on"),
            }
        }
    }

    /// The subject of a client's certificate, where it counts at this instant.
    #[must_use]
    pub fn subject(
        &self,
        client: &ClientChain,
        upstream: &TrustAnchors,
        at: OffsetDateTime,
    ) -> Option<DistinguishedName> {
        let loaded = {
            let current = self.0.current.read();
            current.unwrap_or_else(PoisonError::into_inner).clone()?
        };
        let digests: Vec<u8> = client
            .certificates()
            .flat_map(|certificate| *certificate.sha256().as_bytes())
            .collect();
        let key = Sha256Digest::of(&digests);
        let verified = if let Some(verified) = loaded.verified.get(&key) {
            verified
        } else if loaded.refused.contains_key(&key) {
            return None;
        } else {
            match loaded.cas.verify(client, at) {
                Ok(verified) => {
                    let verified = Arc::new(verified);
                    loaded.verified.insert(key, verified.clone());
                    verified
                }
                Err(error) => {
                    loaded.refused.insert(key, ());
                    let sha256 = client.leaf().sha256();
                    tracing::debug!(%sha256, %error, "a client certificate has no subject");
                    return None;
                }
            }
        };
        verified.subject_at(at, upstream).cloned()
    }
}
