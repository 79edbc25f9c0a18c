//! The keys this node has seen. A key is asked for again after half a second, so that a revocation
//! counts within a second everywhere; while the database is away, what was known goes on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, header};
use moka::sync::Cache;
use portolan_domain::digest::Sha256Digest;
use portolan_storage::{StorageError, Store};

use super::{
    api_key::Secret,
    caller::{Caller, unauthorized},
};
use crate::{patience::patiently, problem::Problem};

/// How long a key is believed without asking again.
const FRESH: Duration = Duration::from_millis(500);
/// How long a key goes on while the database is away.
const STALE: Duration = Duration::from_hours(24);
/// Keys in memory at most.
const MOST: u64 = 10_000;

/// Knows callers by their keys.
#[derive(Clone)]
pub struct Keyring {
    store: Store,
    known: Cache<Sha256Digest, Arc<Known>>,
}

struct Known {
    caller: Caller,
    asked: Instant,
}

impl Keyring {
    /// An empty keyring over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let known = Cache::builder()
            .max_capacity(MOST)
            .time_to_live(STALE)
            .build();
        Self { store, known }
    }

    /// Who sends these headers.
    ///
    /// # Errors
    /// 401 where there is no valid credential; 503 where that cannot be known.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            let detail = "Send an API key: Authorization: Bearer ptl_…";
            return Err(unauthorized(detail, None));
        };
        let invalid = || {
            let detail = "The API key is unknown, revoked or mistyped.";
            unauthorized(detail, Some("invalid_token"))
        };
        let (scheme, token) = match value.to_str().map(|value| value.split_once(' ')) {
            Ok(Some((scheme, token))) if values.next().is_none() => (scheme, token.trim()),
            _ => return Err(invalid()),
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(unauthorized(
                "Only Bearer credentials are taken here.",
                None,
            ));
        }
        let secret = Secret::parse(token).map_err(|_| invalid())?;
        self.lookup(secret.sha256()).await?.ok_or_else(invalid)
    }

    async fn lookup(&self, digest: Sha256Digest) -> Result<Option<Caller>, StorageError> {
        let known = self.known.get(&digest);
        if let Some(known) = known.as_ref().filter(|known| known.asked.elapsed() < FRESH) {
            return Ok(Some(known.caller.clone()));
        }
        // Before the question, so that an answer is never taken for newer than it is.
        let asked = Instant::now();
        let question = self.store.api_key(digest);
        match (patiently(question, known.is_some()).await, known) {
            (Ok(Some(key)), _) => {
                let caller = Caller {
                    name: key.name,
                    role: key.role,
                    owners: key.owners,
                };
                let remembered = Known {
                    caller: caller.clone(),
                    asked,
                };
                self.known.insert(digest, Arc::new(remembered));
                Ok(Some(caller))
            }
            (Ok(None), _) => {
                self.known.invalidate(&digest);
                Ok(None)
            }
            (Err(StorageError::Unavailable(_)), Some(known)) => Ok(Some(known.caller.clone())),
            (Err(error), _) => Err(error),
        }
    }
}
