//! `[webhook]`: where news go, signed.

use std::{collections::BTreeSet, path::PathBuf};

use portolan_storage::OutboxEvents;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::{
    ConfigError,
    signed_target::{SignedTarget, shown},
};
use crate::webhook::SigningKey;

const KEYS: SignedTarget = SignedTarget {
    url: "webhook.url",
    secret: "webhook.secret",
    secret_file: "webhook.secret_file",
    allow_http: Some("webhook.allow_http"),
};

/// `[webhook]`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where messages are posted to; nothing is sent where it is left out.
    pub url: Option<String>,
    /// What they are signed with: `whsec_` and base64, or any text of 24 bytes or more.
    #[serde(skip_serializing)]
    pub secret: Option<Zeroizing<String>>,
    /// A file that holds the secret.
    pub secret_file: Option<PathBuf>,
    /// Allows plain `http` beyond loopback.
    pub allow_http: bool,
    /// What is told.
    pub events: BTreeSet<WebhookEvent>,
    /// Seconds that a delivery may take.
    pub timeout_seconds: u64,
    /// Hours after which a message that was not taken is given up.
    pub give_up_hours: u64,
}

/// A group of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookEvent {
    /// Imports, refused and undone ones included.
    Import,
    /// Certificates that end soon.
    Expiry,
    /// Entitlements and credentials that were revoked.
    Revocation,
}

/// The path of some receivers' URLs is a secret in itself.
impl std::fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("url", &self.shown_url())
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        use WebhookEvent::{Expiry, Import, Revocation};
        Self {
            url: None,
            secret: None,
            secret_file: None,
            allow_http: false,
            events: BTreeSet::from([Import, Expiry, Revocation]),
            timeout_seconds: 5,
            give_up_hours: 24,
        }
    }
}

impl WebhookConfig {
    pub(super) fn resolve(&mut self) -> Result<(), ConfigError> {
        KEYS.read_secret(&mut self.secret, self.secret_file.as_deref())?;
        for (key, value, most) in [
            ("webhook.timeout_seconds", self.timeout_seconds, 60),
            ("webhook.give_up_hours", self.give_up_hours, 24 * 30),
        ] {
            if !(1..=most).contains(&value) {
                let why = format!("must be 1 to {most}");
                return Err(ConfigError::Invalid { key, why });
            }
        }
        if self.events.is_empty() {
            let why = "must name import, expiry or revocation; leave out webhook.url for none";
            return Err(ConfigError::Invalid {
                key: "webhook.events",
                why: why.to_owned(),
            });
        }
        self.target().map(drop)
    }

    /// Where messages go, and what they are signed with; none where no URL is set.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] where one of them cannot be used.
    pub fn target(&self) -> Result<Option<(Url, SigningKey)>, ConfigError> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let url = KEYS.url(url, self.allow_http)?;
        Ok(Some((url, KEYS.signing_key(self.secret.as_ref())?)))
    }

    /// What the database keeps for the webhook.
    #[must_use]
    pub fn outbox(&self) -> OutboxEvents {
        let told = |event| self.url.is_some() && self.events.contains(&event);
        OutboxEvents {
            imports: told(WebhookEvent::Import),
            expiry: told(WebhookEvent::Expiry),
            revocations: told(WebhookEvent::Revocation),
        }
    }

    /// The URL without its path, for people and logs.
    #[must_use]
    pub fn shown_url(&self) -> Option<String> {
        self.url.as_deref().and_then(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str) -> WebhookConfig {
        WebhookConfig {
            url: Some(url.to_owned()),
            secret: Some(Zeroizing::new("0123456789abcdef01234567".to_owned())),
            ..WebhookConfig::default()
        }
    }

    #[test]
    fn plain_http_goes_no_further_than_loopback() {
        for url in [
            "https://example.com/hook",
            "http://127.0.0.1:1/x",
            "http://[::1]/",
            "http://localhost/",
        ] {
            assert!(to(url).resolve().is_ok(), "{url}");
        }
        for url in [
            "http://example.com/",
            "ftp://example.com/",
            "example.com",
            "https://u:p@example.com/",
        ] {
            assert!(to(url).resolve().is_err(), "{url}");
        }
        let mut allowed = to("http://example.com/");
        allowed.allow_http = true;
        assert!(allowed.resolve().is_ok());
    }

    #[test]
    fn a_secret_is_needed_and_never_shown() {
        let mut config = to("https://example.com/services/T0K3N");
        config.secret = None;
        let refused = config.resolve().unwrap_err().to_string();
        assert!(refused.contains("webhook.secret_file"), "{refused}");
        let config = to("https://example.com/services/T0K3N");
        let shown = format!(
            "{config:?} {}",
            toml::to_string(&config.secret_file).unwrap_or_default()
        );
        assert!(
            !shown.contains("0123456789") && !shown.contains("T0K3N"),
            "{shown}"
        );
        assert!(
            !serde_json::to_string(&config)
                .unwrap()
                .contains("0123456789")
        );
        assert_eq!(config.shown_url().as_deref(), Some("https://example.com/…"));
    }

    #[test]
    fn without_a_url_nothing_is_kept() {
        assert_eq!(WebhookConfig::default().outbox(), OutboxEvents::default());
        let mut config = to("https://example.com/");
        config.events.remove(&WebhookEvent::Import);
        let kept = config.outbox();
        assert!(!kept.imports && kept.expiry && kept.revocations);
    }
}
