//! Tokens that a registry verifies itself (distribution's token authentication specification).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use portolan_domain::{
    gateway::{Access, Subject},
    token::TokenKind,
};
use portolan_storage::Store;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thiserror::Error;
use time::OffsetDateTime;

use super::registry_ca::{RegistryCa, RegistryCaError};
use crate::{
    clock::Clock,
    config::Config,
    tokens::{InvalidToken, Key, SigningError, Tokens, encode, new_jti},
};

/// For how long the gateway's own tokens count, with which it asks a registry that wants one.
const OWN: Duration = Duration::from_mins(5);

/// What such a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegistryToken {
    /// Who issued it.
    pub iss: String,
    /// The user, or the host's uuid; empty for nobody.
    pub sub: String,
    /// The registry's service: a text, since registries take no list.
    pub aud: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// From when it counts.
    pub nbf: i64,
    /// When it was issued.
    pub iat: i64,
    /// Its id.
    pub jti: String,
    /// What its bearer may do.
    pub access: Vec<Access>,
    /// Whether the subject is a host: a user may have the same name. Registries leave it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host: bool,
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum RegistryTokenError {
    /// It could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// Its key has no certificate.
    #[error(transparent)]
    Ca(#[from] RegistryCaError),
}

impl RegistryToken {
    /// For whom it stands.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match (&*self.sub, self.host) {
            ("", _) => Subject::Anybody,
            (name, false) => Subject::User(name.into()),
            (uuid, true) => Subject::Host(uuid.into()),
        }
    }
}

/// The tokens; cheap to clone.
#[derive(Clone)]
pub struct RegistryTokens(Arc<Inner>);

struct Inner {
    tokens: Tokens,
    clock: Clock,
    ca: RegistryCa,
    issuer: String,
    service: Option<String>,
    /// The key that signed last, and its tokens' header with its certificate, encoded.
    header: Mutex<Option<(Arc<str>, Arc<str>)>>,
}

impl RegistryTokens {
    /// Tokens as they are set.
    #[must_use]
    pub fn new(store: Store, clock: Clock, tokens: Tokens, config: &Config) -> Self {
        let issuer = config.gateway.issuer.clone();
        Self(Arc::new(Inner {
            tokens,
            ca: RegistryCa::new(store, clock.clone()),
            clock,
            issuer: issuer.unwrap_or_else(|| config.issuer()),
            service: config.gateway.service(),
            header: Mutex::default(),
        }))
    }

    /// Signs a token.
    ///
    /// # Errors
    /// [`RegistryTokenError`].
    pub async fn sign(
        &self,
        subject: &Subject,
        access: Vec<Access>,
        (now, expires_at): (OffsetDateTime, OffsetDateTime),
    ) -> Result<String, RegistryTokenError> {
        let (sub, host) = match subject {
            Subject::Anybody => ("", false),
            Subject::User(name) => (&**name, false),
            Subject::Host(uuid) => (&**uuid, true),
        };
        let claims = RegistryToken {
            iss: self.0.issuer.clone(),
            sub: sub.to_owned(),
            aud: self.0.service.clone().unwrap_or_default(),
            exp: expires_at.unix_timestamp(),
            nbf: now.unix_timestamp(),
            iat: now.unix_timestamp(),
            jti: new_jti(),
            access,
            host,
        };
        let key = self.0.tokens.signing_key(TokenKind::Registry).await?;
        let header = self.header(&key).await?;
        let token = key.sign_below(&header, &claims)?;
        self.0.tokens.was_signed(TokenKind::Registry);
        Ok(token)
    }

    /// A token of the gateway's own, to pull this repository.
    ///
    /// # Errors
    /// [`RegistryTokenError`].
    pub async fn own(&self, repository: &str) -> Result<String, RegistryTokenError> {
        let now = self.0.clock.now();
        let access = vec![Access::to_pull(repository)];
        self.sign(&Subject::Anybody, access, (now, now + OWN)).await
    }

    /// What a token says that was signed here for this service, where it counts now.
    ///
    /// # Errors
    /// [`InvalidToken`].
    pub async fn verify(&self, jwt: &str) -> Result<RegistryToken, InvalidToken> {
        let token: RegistryToken = self.0.tokens.verify_registry(jwt).await?;
        if Some(&token.aud) == self.0.service.as_ref() {
            Ok(token)
        } else {
            Err(InvalidToken::Purpose)
        }
    }

    /// What a registry is to trust, PEM.
    ///
    /// # Errors
    /// [`RegistryTokenError`].
    pub async fn bundle(&self) -> Result<String, RegistryTokenError> {
        let key = self.0.tokens.signing_key(TokenKind::Registry).await?;
        Ok(self.0.ca.bundle(&key.kid, public_pem(&key)?).await?)
    }

    async fn header(&self, key: &Key) -> Result<Arc<str>, RegistryTokenError> {
        let lock = || self.0.header.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().clone().filter(|(kid, _)| *kid == key.kid);
        if let Some((_, header)) = known {
            return Ok(header);
        }
        let x5c = self.0.ca.x5c(&key.kid, public_pem(key)?).await?;
        let (typ, alg) = (key.kind.typ(), key.algorithm.as_str());
        let header = json!({ "typ": typ, "alg": alg, "kid": &*key.kid, "x5c": [x5c] });
        let header: Arc<str> = encode(header.to_string()).into();
        *lock() = Some((key.kid.clone(), header.clone()));
        Ok(header)
    }
}

fn public_pem(key: &Key) -> Result<&str, SigningError> {
    key.public_pem.as_deref().ok_or(SigningError::Lost)
}
