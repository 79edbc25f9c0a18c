//! Tokens that say nothing themselves: texts that stand for a user or a host. The database has a keyed hash of each,
//! so that it counts on every node and after a restart; a node remembers those that it has seen.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use moka::sync::Cache;
use portolan_domain::{digest::Sha256Digest, gateway::Subject};
use portolan_storage::{HolderKind, NewGatewayToken, StorageError, Store, TokenPurpose};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{clock::Clock, patience::patiently};

/// What an anonymous token is: it stands for nobody, so there is nothing to remember or to guess.
pub const ANONYMOUS: &str = "anonymous";
/// What tokens begin with, so that people and scanners know what they found.
const PREFIX: &str = "ptg_";
/// Bytes of chance in a token.
const CHANCE: usize = 32;
/// Bytes of a token at most; an authority's may be long.
const LONGEST: usize = 16 << 10;
/// Tokens in memory at most.
const MOST: u64 = 200_000;
/// For how long a token that nobody knows is not asked for again.
const UNKNOWN: Duration = Duration::from_secs(1);
/// Questions to the database at once: whoever invents tokens must leave connections to the others.
const QUESTIONS: usize = 4;

/// A token on its way to its holder; shown nowhere else.
pub type Secret = Zeroizing<String>;

/// The tokens; cheap to clone.
#[derive(Clone)]
pub struct OpaqueTokens {
    store: Store,
    clock: Clock,
    /// By a plain digest, which costs a tenth of the one that the database has.
    known: Cache<Sha256Digest, Known>,
    unknown: Cache<Sha256Digest, ()>,
    questions: Arc<Semaphore>,
    /// How often all was forgotten.
    forgotten: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Known {
    subject: Subject,
    expires_at: OffsetDateTime,
}

/// A token that is given.
pub struct Given<'a> {
    /// The token.
    pub token: &'a str,
    /// What it can do.
    pub purpose: TokenPurpose,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

impl OpaqueTokens {
    /// Over a store.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            known: Cache::new(MOST),
            unknown: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(UNKNOWN)
                .build(),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            forgotten: Arc::default(),
        }
    }

    /// A new token, which nobody has yet.
    ///
    /// # Errors
    /// Where there is no chance to be had.
    pub fn generate() -> Result<Secret, StorageError> {
        let mut chance = Zeroizing::new([0; CHANCE]);
        openssl::rand::rand_priv_bytes(&mut *chance).map_err(StorageError::Seal)?;
        let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(*chance));
        Ok(Zeroizing::new(format!("{PREFIX}{}", *text)))
    }

    /// Remembers what a subject was given; whether it did. With an account, a name and the hash of his password, only
    /// while that is the user's.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn remember(
        &self,
        subject: &Subject,
        given: &[Given<'_>],
        account: Option<(&str, &str)>,
    ) -> Result<bool, StorageError> {
        let Some((kind, holder)) = holder(subject) else {
            return Ok(true);
        };
        let mut tokens = Vec::new();
        for one in given {
            tokens.push(NewGatewayToken {
                digest: self.store.gateway_token_digest(one.token).await?,
                purpose: one.purpose,
                kind,
                holder,
                expires_at: one.expires_at,
            });
        }
        let stored = patiently(self.store.put_gateway_tokens(&tokens, account), false).await?;
        // An authority may give one again, which then ends later; and somebody may have tried one before it was given.
        // Who looks one up at this moment must not keep what he finds.
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        for one in given.iter().filter(|_| stored) {
            let digest = Sha256Digest::of(one.token.as_bytes());
            self.known.invalidate(&digest);
            self.unknown.invalidate(&digest);
        }
        Ok(stored)
    }

    /// Whether this node can say without a question for whom a token stands.
    #[must_use]
    pub fn knows(&self, token: &str) -> bool {
        let digest = Sha256Digest::of(token.as_bytes());
        token == ANONYMOUS || self.known.contains_key(&digest) || self.unknown.contains_key(&digest)
    }

    /// For whom a token stands; none where it does not count.
    ///
    /// # Errors
    /// Where this node has not seen it yet, and the database does not answer.
    pub async fn find(&self, token: &str) -> Result<Option<Subject>, StorageError> {
        if token == ANONYMOUS {
            return Ok(Some(Subject::Anybody));
        }
        if token.is_empty() || token.len() > LONGEST {
            return Ok(None);
        }
        let (digest, now) = (Sha256Digest::of(token.as_bytes()), self.clock.now());
        // One that has ended may have been given again, on another node.
        let known = self.known.get(&digest);
        if let Some(known) = known.filter(|known| now < known.expires_at) {
            return Ok(Some(known.subject));
        }
        if self.unknown.contains_key(&digest) {
            return Ok(None);
        }
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let found = self.ask(token, TokenPurpose::Access, now).await?;
        if let Some(known) = &found {
            self.known.insert(digest, known.clone());
        } else {
            self.known.invalidate(&digest);
            self.unknown.insert(digest, ());
        }
        if self.forgotten.load(Ordering::SeqCst) != forgotten {
            // It may have been ended, or given, while it was looked up.
            self.known.invalidate(&digest);
            self.unknown.invalidate(&digest);
        }
        Ok(found.map(|known| known.subject))
    }

    /// Whose refresh token this is; none where it does not count.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn refreshing(&self, token: &str) -> Result<Option<Subject>, StorageError> {
        let found = self
            .ask(token, TokenPurpose::Refresh, self.clock.now())
            .await?;
        Ok(found.map(|known| known.subject))
    }

    /// Forgets what it has seen: some of it may have been ended.
    pub fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate_all();
    }

    async fn ask(
        &self,
        token: &str,
        purpose: TokenPurpose,
        now: OffsetDateTime,
    ) -> Result<Option<Known>, StorageError> {
        let digest = self.store.gateway_token_digest(token).await?;
        let question = async {
            let _turn = self.questions.acquire().await;
            self.store.gateway_token(digest, purpose, now).await
        };
        let found = patiently(question, false).await?;
        Ok(found.map(|token| Known {
            subject: match token.kind {
                HolderKind::User => Subject::User(token.holder.into()),
                HolderKind::Host => Subject::Host(token.holder.into()),
            },
            expires_at: token.expires_at,
        }))
    }
}

fn holder(subject: &Subject) -> Option<(HolderKind, &str)> {
    match subject {
        Subject::Anybody => None,
        Subject::User(name) => Some((HolderKind::User, name)),
        Subject::Host(uuid) => Some((HolderKind::Host, uuid)),
    }
}
