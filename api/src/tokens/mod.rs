//! Tokens: signed and verified from memory. A key that this node does not know yet is looked up in the
//! database before it is refused; a change of any key is heard of within a second.

mod codec;
mod error;
mod header;
mod key;
mod keys;
mod offline;
mod revocations;
mod subset;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use portolan_domain::token::{Claims, TokenAlgorithm, TokenKeyPair, TokenKind};
use portolan_storage::{Actor, KeyTurn, StorageError, Store};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Mutex;

pub use self::{
    codec::LONGEST,
    error::{InvalidToken, SigningError},
    keys::PublicKeys,
    offline::{OfflineKeys, UnreadableKeys},
    revocations::Revocations,
    subset::{SubsetError, new_jti},
};
use self::{codec::Parts, keys::Keys};
pub(crate) use self::{codec::encode, key::Key};
use crate::{
    clock::Clock, config::KidFormat, metrics::WorkFigures, patience::patiently, pulse::Pulse,
    server::close,
};

/// How long a failed reading of the keys is left alone.
const RETRY: Duration = Duration::from_millis(250);

/// Signs and verifies; cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    /// What tokens name as their issuer.
    issuer: String,
    revocations: Revocations,
    work: WorkFigures,
    /// What registries call a key.
    kids: KidFormat,
    keys: RwLock<Arc<Keys>>,
    /// Held by the one who reads keys; how the last reading went.
    reading: Mutex<Option<Reading>>,
    /// Held by the one who makes a key that is missing.
    making: Mutex<()>,
}

/// A reading of the keys.
struct Reading {
    began: Instant,
    succeeded: bool,
}

/// A token that counts now.
#[derive(Debug, Clone)]
pub struct Verified {
    /// What it is for.
    pub kind: TokenKind,
    /// What it says.
    pub claims: Claims,
    /// The id of the key that signed it, even where the token does not name one.
    pub kid: Arc<str>,
}

impl Tokens {
    /// Over a store. No key is read yet.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        (issuer, kids): (String, KidFormat),
        (revocations, work): (Revocations, WorkFigures),
    ) -> Self {
        Self(Arc::new(Inner {
            kids,
            store,
            clock,
            issuer,
            revocations,
            work,
            keys: RwLock::default(),
            reading: Mutex::default(),
            making: Mutex::default(),
        }))
    }

    /// What tokens name as their issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// What was revoked.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    fn keys(&self) -> Arc<Keys> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    fn now(&self) -> i64 {
        self.0.clock.now().unix_timestamp()
    }

    /// Verifies a token: it must be of one of these kinds, and count now. Memory answers, but where it
    /// does not know the key.
    ///
    /// # Errors
    /// [`InvalidToken`]; [`InvalidToken::Unavailable`] where the key, or what was revoked, is not known here
    /// and the database does not answer.
    pub async fn verify(
        &self,
        jwt: &str,
        accepted: &[TokenKind],
    ) -> Result<Verified, InvalidToken> {
        let answer = self.check(jwt, accepted).await;
        // What cannot be told is neither.
        if !matches!(answer, Err(InvalidToken::Unavailable(_))) {
            self.0.work.token_shown(answer.is_ok());
        }
        answer
    }

    async fn check(&self, jwt: &str, accepted: &[TokenKind]) -> Result<Verified, InvalidToken> {
        let parts = Parts::of(jwt)?;
        let mut answer = self.keys().verify(&parts, accepted, self.now());
        if let Err(InvalidToken::UnknownKey) = answer {
            Box::pin(self.look_up()).await?;
            answer = self.keys().verify(&parts, accepted, self.now());
        }
        let verified = answer?;
        self.0.revocations.be_read().await?;
        if !self.0.revocations.are_fresh() {
            Box::pin(self.0.revocations.be_fresh()).await;
        }
        if self.0.revocations.is_revoked(&verified.claims) {
            return Err(InvalidToken::Revoked);
        }
        Ok(verified)
    }

    /// Counts a token that [`Tokens::remembered`] knew, and that was enough: any other is looked at again.
    pub fn was_enough(&self) {
        self.0.work.token_shown(true);
    }

    /// The same, where memory alone can tell that it counts.
    #[must_use]
    pub fn remembered(&self, jwt: &str, accepted: &[TokenKind]) -> Option<Verified> {
        let parts = Parts::of(jwt).ok()?;
        let verified = self.keys().verify(&parts, accepted, self.now()).ok()?;
        let revocations = &self.0.revocations;
        let counts = revocations.are_fresh() && !revocations.is_revoked(&verified.claims);
        counts.then_some(verified)
    }

    /// Signs claims as a token of this kind, with the key that signs those today. Where there is none yet,
    /// an ES256 key is made, except for flat-manager, which must have the secret, too.
    ///
    /// # Errors
    /// [`SigningError`].
    pub async fn sign(&self, kind: TokenKind, claims: &Claims) -> Result<String, SigningError> {
        match kind {
            TokenKind::FlatManager => self.sign_json(kind, &claims.for_flat_manager()).await,
            TokenKind::RefToken => self.sign_json(kind, &claims.for_ref_token()).await,
            TokenKind::Access | TokenKind::Registry => self.sign_json(kind, claims).await,
        }
    }

    /// Signs claims of another form, as [`Tokens::sign`] does.
    ///
    /// # Errors
    /// [`SigningError`].
    pub async fn sign_json(
        &self,
        kind: TokenKind,
        claims: &impl Serialize,
    ) -> Result<String, SigningError> {
        let token = self.signing_key(kind).await?.sign(claims)?;
        self.was_signed(kind);
        Ok(token)
    }

    /// Counts a token that was signed with a key of [`Tokens::signing_key`].
    pub(crate) fn was_signed(&self, kind: TokenKind) {
        self.0.work.token_signed(kind);
    }

    /// The key that signs tokens of this kind today; made where there is none yet.
    ///
    /// # Errors
    /// [`SigningError`].
    pub(crate) async fn signing_key(&self, kind: TokenKind) -> Result<Arc<Key>, SigningError> {
        match self.keys().signing(kind) {
            Some(key) => Ok(key),
            // Rare, and large: not in the future of each request.
            None => Box::pin(self.find_or_make(kind)).await,
        }
    }

    /// What a token for a registry says that was signed here, where it counts now.
    ///
    /// # Errors
    /// As [`Tokens::verify`].
    pub async fn verify_registry<T: DeserializeOwned>(&self, jwt: &str) -> Result<T, InvalidToken> {
        self.verify(jwt, &[TokenKind::Registry]).await?;
        Parts::of(jwt)?.claims()
    }

    /// The public keys that verify tokens.
    ///
    /// # Errors
    /// [`StorageError`] where none were ever read, and the database does not answer.
    pub async fn public_keys(&self) -> Result<Arc<PublicKeys>, StorageError> {
        if !self.keys().were_read() {
            self.look_up().await?;
        }
        Ok(self.keys().public())
    }

    async fn find_or_make(&self, kind: TokenKind) -> Result<Arc<Key>, SigningError> {
        // Of many who need one at once, one makes it.
        let _turn = self.0.making.lock().await;
        self.look_up().await?;
        if let Some(key) = self.keys().signing(kind) {
            return Ok(key);
        }
        if kind == TokenKind::FlatManager {
            return Err(SigningError::NoSecret);
        }
        // P-256 takes less than a millisecond: no thread of its own.
        let made = TokenKeyPair::generate(TokenAlgorithm::Es256)?;
        let by = Actor::system(self.0.clock.now());
        let store = &self.0.store;
        patiently(
            store.add_token_key(kind, &made, KeyTurn::IfNone, &by),
            false,
        )
        .await?;
        self.look_up().await?;
        self.keys().signing(kind).ok_or(SigningError::Lost)
    }

    /// Reads the keys anew, once for all who ask meanwhile: whoever waited for a reading that began after
    /// they asked shares its outcome.
    async fn look_up(&self) -> Result<(), StorageError> {
        let asked = Instant::now();
        let mut last = self.0.reading.lock().await;
        if let Some(reading) = last.as_ref().filter(|reading| reading.began >= asked) {
            let failed = || Err(StorageError::timed_out());
            return if reading.succeeded { Ok(()) } else { failed() };
        }
        let began = Instant::now();
        let read = patiently(self.read(&self.0.store, false), false).await;
        let succeeded = read.is_ok();
        *last = Some(Reading { began, succeeded });
        read
    }

    /// `anew`: though nothing seems to have changed. A database that was put back comes to the same number again.
    async fn read(&self, store: &Store, anew: bool) -> Result<(), StorageError> {
        if !anew && self.keys().were_read() {
            // One small row, where nothing has changed.
            let generation = store.generations().await?.signing_keys;
            if self.keys().generation() == Some(generation) {
                return Ok(());
            }
        }
        let keys = Keys::of(&store.token_keys().await?, self.0.kids);
        let mut known = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        // A slow reading must not bring back what a later one has seen retired.
        if anew || keys.generation() >= known.generation() {
            *known = Arc::new(keys);
        }
        Ok(())
    }

    /// Follows the changes of keys, for as long as the service runs.
    pub async fn follow(self, pulse: Pulse) {
        let mut beats = pulse.beats();
        let mut opening = None;
        loop {
            let beat = *beats.borrow_and_update();
            if let Some(beat) = beat {
                let anew = opening != Some(beat.opening);
                let told = Some(beat.generations.signing_keys);
                if (anew || self.keys().generation() != told)
                    && let Err(error) = self.read_on_its_own(anew).await
                {
                    tracing::warn!(%error, "the signing keys could not be read");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
                opening = Some(beat.opening);
            }
            if beats.changed().await.is_err() {
                return;
            }
        }
    }

    /// A flood of requests that has all connections must not keep a retired key alive.
    async fn read_on_its_own(&self, anew: bool) -> Result<(), StorageError> {
        let store = patiently(self.0.store.on_its_own(), false).await?;
        let read = patiently(self.read(&store, anew), false).await;
        close(store).await;
        read
    }
}
