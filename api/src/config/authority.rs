//! `tokens.authority` and `[tokens.webhook]`: who says who may have which ref.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::{
    ConfigError,
    signed_target::{SignedTarget, shown},
};
use crate::webhook::SigningKey;

const KEYS: SignedTarget = SignedTarget {
    url: "tokens.webhook.url",
    secret: "tokens.webhook.secret",
    secret_file: "tokens.webhook.secret_file",
    // Whoever could answer in its place would give away what others pay for.
    allow_http: None,
};
const DAY: u64 = 24 * 60 * 60;

/// Who says who may have what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenAuthority {
    /// Nobody: no user may have anything.
    None,
    /// The grants in the database.
    Grants,
    /// The organisation's own system, which is asked.
    Webhook,
}

/// `[tokens.webhook]`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorityWebhookConfig {
    /// What is asked.
    pub url: Option<String>,
    /// What questions are signed with: `whsec_` and base64, or any text of 24 bytes or more.
    #[serde(skip_serializing)]
    pub secret: Option<Zeroizing<String>>,
    /// A file that holds the secret.
    pub secret_file: Option<PathBuf>,
    /// Seconds that an answer may take.
    pub timeout_seconds: u64,
    /// Seconds for which an answer counts that does not say so itself.
    pub max_age_seconds: u64,
    /// Seconds for which it goes on to count beyond that, while there is no other one.
    pub stale_if_error_seconds: u64,
}

/// The path of some receivers' URLs is a secret in itself.
impl std::fmt::Debug for AuthorityWebhookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorityWebhookConfig")
            .field("url", &self.shown_url())
            .finish_non_exhaustive()
    }
}

impl Default for AuthorityWebhookConfig {
    fn default() -> Self {
        Self {
            url: None,
            secret: None,
            secret_file: None,
            timeout_seconds: 2,
            max_age_seconds: 60,
            stale_if_error_seconds: 3600,
        }
    }
}

impl AuthorityWebhookConfig {
    pub(super) fn resolve(&mut self, authority: TokenAuthority) -> Result<(), ConfigError> {
        KEYS.read_secret(&mut self.secret, self.secret_file.as_deref())?;
        for (key, value, least, most) in [
            (
                "tokens.webhook.timeout_seconds",
                self.timeout_seconds,
                1,
                10,
            ),
            (
                "tokens.webhook.max_age_seconds",
                self.max_age_seconds,
                0,
                DAY,
            ),
            (
                "tokens.webhook.stale_if_error_seconds",
                self.stale_if_error_seconds,
                0,
                30 * DAY,
            ),
        ] {
            if !(least..=most).contains(&value) {
                let why = format!("must be {least} to {most}");
                return Err(ConfigError::Invalid { key, why });
            }
        }
        if authority == TokenAuthority::Webhook {
            return self.target().map(drop);
        }
        Ok(())
    }

    /// What is asked, and what questions are signed with.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] where one of them is missing or cannot be used.
    pub fn target(&self) -> Result<(Url, SigningKey), ConfigError> {
        let url = self.url.as_deref().ok_or_else(|| ConfigError::Invalid {
            key: KEYS.url,
            why: "is missing, and tokens.authority is \"webhook\": set the URL that is to be asked"
                .to_owned(),
        })?;
        let url = KEYS.url(url, false)?;
        Ok((url, KEYS.signing_key(self.secret.as_ref())?))
    }

    /// How long an answer may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
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

    fn asked(url: &str) -> AuthorityWebhookConfig {
        AuthorityWebhookConfig {
            url: Some(url.to_owned()),
            secret: Some(Zeroizing::new("0123456789abcdef01234567".to_owned())),
            ..AuthorityWebhookConfig::default()
        }
    }

    #[test]
    fn nothing_but_tls_goes_beyond_loopback() {
        for url in ["https://shop.example.com/refs", "http://127.0.0.1:1/x"] {
            assert!(asked(url).resolve(TokenAuthority::Webhook).is_ok(), "{url}");
        }
        for url in ["http://shop.example.com/", "ftp://a/", "shop"] {
            let refused = asked(url).resolve(TokenAuthority::Webhook);
            assert!(refused.is_err(), "{url}");
        }
    }

    #[test]
    fn a_webhook_that_cannot_be_asked_is_refused() {
        let mut none = AuthorityWebhookConfig::default();
        assert!(none.resolve(TokenAuthority::Grants).is_ok());
        let refused = none.resolve(TokenAuthority::Webhook).unwrap_err();
        assert!(refused.to_string().contains("tokens.webhook.url"));
        let mut unsigned = asked("https://shop.example.com/");
        unsigned.secret = None;
        let refused = unsigned.resolve(TokenAuthority::Webhook).unwrap_err();
        assert!(refused.to_string().contains("tokens.webhook.secret_file"));
    }

    #[test]
    fn neither_secret_nor_path_is_shown() {
        let config = asked("https://shop.example.com/T0K3N");
        let shown = format!("{config:?}");
        assert!(!shown.contains("0123456789") && !shown.contains("T0K3N"));
        let json = serde_json::to_string(&config).unwrap();
        assert!(!json.contains("0123456789"));
    }
}
