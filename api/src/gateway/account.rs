//! Users whose passwords are known here, as the authority.

use std::{sync::Arc, time::Duration};

use portolan_domain::gateway::Subject;
use portolan_storage::{Store, TokenPurpose};
use time::OffsetDateTime;
use tokio::{sync::Semaphore, task::spawn_blocking};
use zeroize::Zeroizing;

use super::{
    login::{Credentials, Login, LoginError, Token},
    passwords::is_right,
    tokens::{Given, OpaqueTokens},
};
use crate::{config::GatewayConfig, patience::patiently};

/// Passwords that are hashed at once: each takes a core and 19 MiB.
const AT_ONCE: usize = 2;
/// How long one waits for its turn; then the service is too busy.
const WAIT: Duration = Duration::from_secs(5);
/// For how long a password that was right is believed: a pull logs in again and again.
const BELIEVED: Duration = Duration::from_mins(5);

/// How long a token counts at least when it is given: clients take less for a minute.
const LEFT: Duration = Duration::from_mins(1);

/// The users; cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    opaque: OpaqueTokens,
    turns: Arc<Semaphore>,
    token: Duration,
    refresh: Duration,
}

impl Accounts {
    /// Those of a store.
    pub fn new(store: Store, opaque: OpaqueTokens, config: &GatewayConfig) -> Self {
        Self {
            store,
            opaque,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            token: config.token_lifetime(),
            refresh: config.refresh_lifetime(),
        }
    }

    /// Gives a user a token, and a refresh token where one is asked for, if the password is right.
    pub async fn log_in(
        &self,
        credentials: &Credentials,
        offline: bool,
        now: OffsetDateTime,
    ) -> Result<Login, LoginError> {
        let hash = self.verified(credentials).await?;
        self.give((&credentials.name, &hash), offline, now).await
    }

    /// Gives a user a token for a refresh token.
    pub async fn refresh(&self, token: &str, now: OffsetDateTime) -> Result<Login, LoginError> {
        let Some(Subject::User(name)) = self.opaque.refreshing(token).await? else {
            return Err(LoginError::Wrong);
        };
        let hash = patiently(self.store.gateway_password_hash(&name), false).await?;
        let hash = hash.ok_or(LoginError::Wrong)?;
        // Once more: a new password ends refresh tokens, and may have come between.
        if self.opaque.refreshing(token).await?.is_none() {
            return Err(LoginError::Wrong);
        }
        self.give((&name, &hash), false, now).await
    }

    /// The hash of the user's password, where that is the one that was shown.
    async fn verified(&self, credentials: &Credentials) -> Result<String, LoginError> {
        let stored = self.store.gateway_password_hash(&credentials.name);
        let stored = patiently(stored, false).await?;
        let turn = tokio::time::timeout(WAIT, self.turns.clone().acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(LoginError::Busy)?;
        let password = Zeroizing::new(credentials.password.to_string());
        let verified = spawn_blocking(move || {
            let _turn = turn;
            is_right(&password, stored.as_deref())
                .then_some(stored)
                .flatten()
        });
        let verified = verified.await.map_err(|_| LoginError::Busy)?;
        verified.ok_or(LoginError::Wrong)
    }

    async fn give(
        &self,
        account: (&str, &str),
        offline: bool,
        now: OffsetDateTime,
    ) -> Result<Login, LoginError> {
        let (token, expires_at) = (OpaqueTokens::generate()?, now + self.token);
        let refresh = offline.then(OpaqueTokens::generate).transpose()?;
        let mut given = vec![Given {
            token: &token,
            purpose: TokenPurpose::Access,
            expires_at,
        }];
        given.extend(refresh.as_ref().map(|token| Given {
            token,
            purpose: TokenPurpose::Refresh,
            expires_at: now + self.refresh,
        }));
        let subject = Subject::User(account.0.into());
        if !self
            .opaque
            .remember(&subject, &given, Some(account))
            .await?
        {
            // The password was changed meanwhile.
            return Err(LoginError::Wrong);
        }
        Ok(Login {
            subject,
            token: Arc::new(Token {
                secret: token,
                expires_at,
            }),
            refresh,
            fresh_until: now + BELIEVED.min(self.token.saturating_sub(LEFT)),
        })
    }
}
