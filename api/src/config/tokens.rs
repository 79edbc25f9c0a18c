//! `[tokens]`: what tokens say of this service, and how they are brought.

use serde::{Deserialize, Serialize};

use super::{AuthorityWebhookConfig, ConfigError, TokenAuthority};

/// `[tokens]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokensConfig {
    /// The claim `iss` [default: `http.public_url`, else the address].
    pub issuer: Option<String>,
    /// What stands before a token in the header `Authorization`, where clients put something there.
    pub strip_prefix: Option<String>,
    /// Who says who may have which ref [default: the webhook where one is set, else grants].
    pub authority: Option<TokenAuthority>,
    /// `[tokens.webhook]`.
    pub webhook: AuthorityWebhookConfig,
}

impl TokensConfig {
    /// Who says who may have which ref.
    #[must_use]
    pub fn authority(&self) -> TokenAuthority {
        let implied = match self.webhook.url {
            Some(_) => TokenAuthority::Webhook,
            None => TokenAuthority::Grants,
        };
        self.authority.unwrap_or(implied)
    }

    pub(super) fn resolve(&mut self) -> Result<(), ConfigError> {
        let invalid = |key, why: &str| ConfigError::Invalid {
            key,
            why: why.to_owned(),
        };
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if self.issuer.as_deref().is_some_and(|text| !is_plain(text)) {
            let why = "must be a URL, or another name without blanks";
            return Err(invalid("tokens.issuer", why));
        }
        if self
            .strip_prefix
            .as_deref()
            .is_some_and(|text| !is_plain(text))
        {
            let why = "must be printable ASCII without blanks; leave it out for none";
            return Err(invalid("tokens.strip_prefix", why));
        }
        let authority = self.authority();
        self.webhook.resolve(authority)
    }
}
