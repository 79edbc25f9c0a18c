//! A POST that is signed, follows nothing, goes through no proxy, and takes bounded time.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, header, redirect::Policy};
use thiserror::Error;
use time::OffsetDateTime;
use url::Url;

use super::SigningKey;

/// One receiver; cheap to clone.
#[derive(Clone)]
pub struct SignedClient {
    client: Client,
    url: Url,
    key: SigningKey,
}

/// Why a message was not taken.
#[derive(Debug, Error)]
pub enum Undelivered {
    /// The receiver answered something else than 2xx.
    #[error("the receiver answered {0}")]
    Answered(StatusCode),
    /// It did not answer.
    #[error("the receiver does not answer: {0}")]
    Silent(String),
    /// The message could not be signed.
    #[error("the message cannot be signed")]
    Unsigned(#[from] openssl::error::ErrorStack),
}

impl SignedClient {
    /// A client that gives each answer this time.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(url: Url, key: SigningKey, timeout: Duration) -> std::io::Result<Self> {
        let client = Client::builder()
            // Whoever answers with a redirect could send the message, and whoever asks from here, anywhere.
            .redirect(Policy::none())
            .no_proxy()
            .timeout(timeout)
            .user_agent(concat!("Portolan/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self { client, url, key })
    }

    /// Posts a message, and returns the answer, whose body is still to be read.
    ///
    /// # Errors
    /// Where it was not taken.
    pub async fn post(
        &self,
        id: &str,
        at: OffsetDateTime,
        body: &str,
    ) -> Result<Response, Undelivered> {
        let timestamp = at.unix_timestamp();
        let signature = self.key.sign(id, timestamp, body)?;
        let request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body.to_owned());
        let answer = request.send().await.map_err(|error| silent(&error))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            status => Err(Undelivered::Answered(status)),
        }
    }
}

/// The innermost reason: the outer ones name the URL, whose path may be a secret.
pub(crate) fn silent(error: &reqwest::Error) -> Undelivered {
    if error.is_timeout() {
        return Undelivered::Silent("it takes too long".to_owned());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let is_outermost = std::error::Error::source(error).is_none();
    let reason = if is_outermost {
        "the request failed".to_owned()
    } else {
        innermost.to_string()
    };
    Undelivered::Silent(reason)
}
