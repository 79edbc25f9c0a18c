//! One delivery to the receiver of news.

use std::time::Duration;

use reqwest::StatusCode;
use time::OffsetDateTime;

use super::{SignedClient, Undelivered};
use crate::config::WebhookConfig;

/// The receiver; cheap to clone.
#[derive(Clone)]
pub struct Webhook {
    client: SignedClient,
    timeout: Duration,
    give_up: time::Duration,
}

impl Webhook {
    /// The receiver as it is set; none where it is not.
    ///
    /// # Errors
    /// Where the settings cannot be used.
    pub fn new(config: &WebhookConfig) -> std::io::Result<Option<Self>> {
        let Some((url, key)) = config.target().map_err(std::io::Error::other)? else {
            return Ok(None);
        };
        let timeout = Duration::from_secs(config.timeout_seconds);
        let client = SignedClient::new(url, key, timeout)?;
        let hours = i64::try_from(config.give_up_hours).unwrap_or(i64::MAX);
        Ok(Some(Self {
            client,
            timeout,
            give_up: time::Duration::hours(hours),
        }))
    }

    /// How long a delivery may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// For how long a message is tried.
    #[must_use]
    pub fn give_up(&self) -> time::Duration {
        self.give_up
    }

    /// Posts a message, and says what the receiver answered. Its body is not read.
    ///
    /// # Errors
    /// Where it was not taken.
    pub async fn post(
        &self,
        id: &str,
        at: OffsetDateTime,
        body: &str,
    ) -> Result<StatusCode, Undelivered> {
        let answer = self.client.post(id, at, body).await?;
        Ok(answer.status())
    }
}
