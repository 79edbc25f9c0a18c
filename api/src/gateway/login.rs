//! Logins: passwords exchanged for tokens by whoever knows the users. What was right a moment ago is remembered, since
//! every pull logs in again; and while the authority is away, for as long as the token counts that it gave.

use std::{
    fmt, io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::future::Cache;
use portolan_domain::{digest::Sha256Digest, gateway::Subject};
use portolan_storage::{StorageError, Store};
use thiserror::Error;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{
    account::Accounts,
    follow::Directories,
    token_endpoint::TokenEndpointAuthority,
    tokens::{OpaqueTokens, Secret},
};
use crate::{auth::Gate, clock::Clock, config::GatewayConfig, pulse::Pulse};

/// Logins in memory at most.
const MOST: u64 = 100_000;

/// Passwords that are looked at at once: so many more than it may, an address can try.
const AT_ONCE: usize = 64;
/// How long one waits for its turn; then the service is too busy.
const WAIT: Duration = Duration::from_secs(5);

/// A user's name and password, as they were shown.
#[derive(Clone)]
pub struct Credentials {
    /// The name.
    pub name: Arc<str>,
    /// The password.
    pub password: Zeroizing<String>,
}

/// A token, and when it ends.
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// A login that succeeded.
#[derive(Clone)]
pub struct Login {
    /// Who logged in; nobody where the authority calls its token an anonymous one.
    pub subject: Subject,
    /// What stands for him.
    pub token: Arc<Token>,
    /// What gets another such token.
    pub refresh: Option<Secret>,
    /// Until when the authority need not be asked again.
    pub(super) fresh_until: OffsetDateTime,
}

/// Why there is no login.
#[derive(Debug, Clone, Error)]
pub enum LoginError {
    /// There is no such user, or it is not the password.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// Too many wrong ones came from this address.
    #[error("too many wrong passwords came from this address")]
    TooMany(Duration),
    /// Too many log in at once.
    #[error("too many log in at once")]
    Busy,
    /// Whoever knows the users does not answer.
    #[error("whoever knows the users does not answer")]
    Away,
}

impl From<StorageError> for LoginError {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "a login failed");
        Self::Away
    }
}

/// Shows who, and nothing else.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.name)
    }
}

/// The logins; cheap to clone.
#[derive(Clone)]
pub struct Logins(Arc<Inner>);

struct Inner {
    authority: Authority,
    opaque: OpaqueTokens,
    clock: Clock,
    gate: Gate,
    /// By name and password, hashed under a key that this process alone has.
    known: Cache<Sha256Digest, Login>,
    /// What is being asked for, by the same.
    asking: Cache<Sha256Digest, Login>,
    key: Zeroizing<[u8; 32]>,
    /// Those who are asked about at once.
    turns: Semaphore,
    /// How often all was forgotten.
    forgotten: AtomicU64,
}

enum Authority {
    Accounts(Accounts),
    TokenEndpoint(TokenEndpointAuthority),
}

impl Logins {
    /// Logins by the authority that is set.
    ///
    /// # Errors
    /// Where its settings cannot be used.
    pub fn new(
        config: &GatewayConfig,
        (store, clock): (Store, Clock),
        (directories, opaque): (Directories, OpaqueTokens),
        gate: Gate,
    ) -> io::Result<Self> {
        let endpoint = config
            .authority
            .token_endpoint()
            .map_err(io::Error::other)?;
        let authority = match endpoint {
            Some(endpoint) => {
                let parts = (store, directories, opaque.clone());
                Authority::TokenEndpoint(TokenEndpointAuthority::new(endpoint, config, parts)?)
            }
            None => Authority::Accounts(Accounts::new(store, opaque.clone(), config)),
        };
        let mut key = Zeroizing::new([0; 32]);
        openssl::rand::rand_priv_bytes(&mut *key)?;
        Ok(Self(Arc::new(Inner {
            authority,
            opaque,
            clock,
            gate,
            known: Cache::new(MOST),
            asking: Cache::new(MOST),
            key,
            turns: Semaphore::new(AT_ONCE),
            forgotten: AtomicU64::new(0),
        })))
    }

    /// Logs a user in. With `offline`, a refresh token is asked for, and memory says nothing.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn log_in(
        &self,
        credentials: &Credentials,
        offline: bool,
        address: Option<IpAddr>,
    ) -> Result<Login, LoginError> {
        let (key, now) = (self.key(credentials), self.0.clock.now());
        if offline {
            return self
                .guarded(address, Box::pin(self.ask(credentials, true)))
                .await;
        }
        let before = self.0.known.get(&key).await;
        if let Some(login) = before.as_ref().filter(|login| now < login.fresh_until) {
            return Ok(login.clone());
        }
        let forgotten = self.0.forgotten.load(Ordering::SeqCst);
        let is_as_it_was = || self.0.forgotten.load(Ordering::SeqCst) == forgotten;
        // Of many who ask the same at once, one does. What was right before stays until there is another answer: who goes
        // away in the middle takes nothing along.
        let asked = async {
            let login = self.ask(credentials, false).await?;
            self.0.known.insert(key, login.clone()).await;
            Ok(login)
        };
        // Rare, and large: not in the future of each request.
        let asked = Box::pin(self.0.asking.try_get_with(key, Box::pin(asked)));
        let asked = async {
            asked
                .await
                .map_err(|error: Arc<LoginError>| (*error).clone())
        };
        let answer = self.guarded(address, asked).await;
        self.0.asking.invalidate(&key).await;
        if !is_as_it_was() || matches!(answer, Err(LoginError::Wrong)) {
            // It is wrong now, or passwords were changed while this one was looked at.
            self.0.known.invalidate(&key).await;
        }
        if !matches!(answer, Err(LoginError::Away)) {
            return answer;
        }
        let counts = |login: &Login| now < login.token.expires_at && is_as_it_was();
        before.filter(counts).ok_or(LoginError::Away)
    }

    /// Logs a user in who shows a refresh token.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn refresh(&self, token: &str, address: Option<IpAddr>) -> Result<Login, LoginError> {
        let now = self.0.clock.now();
        let asked = async {
            match &self.0.authority {
                Authority::Accounts(accounts) => accounts.refresh(token, now).await,
                // It gives none.
                Authority::TokenEndpoint(_) => Err(LoginError::Wrong),
            }
        };
        self.guarded(address, Box::pin(asked)).await
    }

    async fn ask(&self, credentials: &Credentials, offline: bool) -> Result<Login, LoginError> {
        let turn = tokio::time::timeout(WAIT, self.0.turns.acquire()).await;
        let _turn = turn.map_err(|_| LoginError::Busy)?;
        let now = self.0.clock.now();
        match &self.0.authority {
            Authority::Accounts(accounts) => accounts.log_in(credentials, offline, now).await,
            Authority::TokenEndpoint(endpoint) => endpoint.log_in(credentials, now).await,
        }
    }

    /// Looks at no password of an address that has shown too many wrong ones: a password can be guessed.
    async fn guarded(
        &self,
        address: Option<IpAddr>,
        asked: impl Future<Output = Result<Login, LoginError>>,
    ) -> Result<Login, LoginError> {
        let gate = &self.0.gate;
        if let Some(address) = address {
            let may = gate.may_try(address, Instant::now());
            may.map_err(LoginError::TooMany)?;
        }
        let answer = asked.await;
        let Some(address) = address else {
            return answer;
        };
        match answer {
            Err(LoginError::Wrong) => {
                let taken = gate.failed(address, Instant::now());
                taken.map_err(LoginError::TooMany)?;
            }
            Ok(_) => gate.succeeded(address, Instant::now()),
            Err(_) => {}
        }
        answer
    }

    fn key(&self, credentials: &Credentials) -> Sha256Digest {
        let (name, password) = (credentials.name.as_bytes(), credentials.password.as_bytes());
        // No name has a zero in it, so that no two of these are the same.
        let whole = Zeroizing::new([&self.0.key[..], name, &[0], password].concat());
        Sha256Digest::of(&whole)
    }

    /// Forgets logins where users' tokens were ended, for as long as the service runs. What was ended before the first
    /// request is nothing to forget: `known` is what was told then, none where nothing was.
    pub async fn follow(self, pulse: Pulse, mut known: Option<i64>) {
        let mut beats = pulse.beats();
        loop {
            let beat = *beats.borrow_and_update();
            let told = beat.map(|beat| beat.generations.gateway_logins);
            if told.is_some() && told != known {
                known = told;
                self.0.forgotten.fetch_add(1, Ordering::SeqCst);
                self.0.known.invalidate_all();
                self.0.asking.invalidate_all();
                self.0.opaque.forget();
            }
            if beats.changed().await.is_err() {
                return;
            }
        }
    }
}
