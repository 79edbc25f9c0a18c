//! A signed request: its header's parameters, and whether the signature holds (RFC 5849, 3.2).

use std::fmt;

use axum::http::Method;
use openssl::{hash::MessageDigest, memcmp, pkey::PKey, sign::Signer};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    base_string::SignedUrl,
    encoding::encode,
    error::OAuthError,
    header::{Algorithm, Parameters},
};

/// Seconds that a client's clock may be wrong, either way.
pub const WINDOW: i64 = 300;

/// What a header says. Nothing of it is proven before [`OAuthRequest::verify`].
pub struct OAuthRequest {
    parameters: Parameters,
    consumer_key: String,
    nonce: String,
    signature: String,
    algorithm: Algorithm,
    timestamp: i64,
}

/// A request whose signature holds. Whether it was here before, [`super::Nonces`] knows.
#[derive(Debug, Clone, Copy)]
#[must_use = "a request may be a replay until its nonce is remembered"]
pub struct Verified<'a>(&'a OAuthRequest);

impl OAuthRequest {
    /// Reads the value of the header `Authorization`.
    ///
    /// # Errors
    /// [`OAuthError::Header`].
    pub fn parse(header: &str) -> Result<Self, OAuthError> {
        let parameters = Parameters::parse(header)?;
        parameters.check_version_and_token()?;
        Ok(Self {
            consumer_key: parameters.consumer_key()?.to_owned(),
            nonce: parameters.nonce()?.to_owned(),
            signature: parameters.signature()?.to_owned(),
            algorithm: parameters.algorithm()?,
            timestamp: parameters.timestamp()?,
            parameters,
        })
    }

    /// Who says to have signed it.
    #[must_use]
    pub fn consumer_key(&self) -> &str {
        &self.consumer_key
    }

    /// Checks timestamp and signature of a request for `url`, which [`super::signed_url()`] knows.
    ///
    /// # Errors
    /// [`OAuthError::Timestamp`], [`OAuthError::Signature`], [`OAuthError::Url`].
    pub fn verify(
        &self,
        method: &Method,
        url: &str,
        secret: &[u8],
        now: OffsetDateTime,
    ) -> Result<Verified<'_>, OAuthError> {
        let now = now.unix_timestamp();
        if is_outside(self.timestamp, now) {
            return Err(OAuthError::Timestamp { now });
        }
        let url = SignedUrl::parse(url)?;
        let text = url.base_string(method, self.parameters.signed());
        let right = sign(self.algorithm, &text, &key_of(secret))?;
        let (given, right) = (self.signature.as_bytes(), right.as_bytes());
        // The comparison panics where the lengths differ, and a length is no secret.
        if given.len() == right.len() && memcmp::eq(given, right) {
            return Ok(Verified(self));
        }
        Err(OAuthError::Signature {
            method: method.to_string(),
            url: url.base,
        })
    }
}

impl Verified<'_> {
    /// Who signed it.
    #[must_use]
    pub fn consumer_key(&self) -> &str {
        &self.0.consumer_key
    }

    /// What tells it from the consumer's other requests of its second.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.0.nonce
    }

    /// When it says to have been signed, in seconds since 1970.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        self.0.timestamp
    }
}

impl fmt::Debug for OAuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthRequest")
            .field("consumer_key", &self.consumer_key)
            .field("algorithm", &self.algorithm)
            .field("timestamp", &self.timestamp)
            .field("nonce", &self.nonce)
            .finish_non_exhaustive()
    }
}

/// Whether a timestamp is outside of the window around `now`. Exactly at its edges it is inside.
pub(super) fn is_outside(timestamp: i64, now: i64) -> bool {
    now.abs_diff(timestamp) > WINDOW.unsigned_abs()
}

/// The key of a consumer (3.4.2), with no token's secret behind the `&`.
fn key_of(secret: &[u8]) -> Zeroizing<String> {
    // Large enough from the start: a buffer that grows leaves its content behind in freed memory.
    let mut key = Zeroizing::new(String::with_capacity(3 * secret.len() + 1));
    key.extend(encode(secret));
    key.push('&');
    key
}

/// The signature of a base string.
pub(super) fn sign(algorithm: Algorithm, text: &str, key: &str) -> Result<String, OAuthError> {
    let key = PKey::hmac(key.as_bytes())?;
    let digest = match algorithm {
        Algorithm::HmacSha1 => MessageDigest::sha1(),
        Algorithm::HmacSha256 => MessageDigest::sha256(),
    };
    let code = Signer::new(digest, &key)?.sign_oneshot_to_vec(text.as_bytes())?;
    Ok(openssl::base64::encode_block(&code))
}
