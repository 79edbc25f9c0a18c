//! `[tracing]`: where spans of requests and imports go, for whoever follows one through several services.

use serde::{Deserialize, Serialize};
use url::Url;

use super::ConfigError;

/// `[tracing]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracingConfig {
    /// The base URL of a collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; none: no span is made.
    pub otlp_endpoint: Option<String>,
    /// What the spans name as their service (`service.name`).
    pub service_name: String,
    /// Of requests that no caller has decided about, the part that is traced: 0 to 1.
    pub sample_ratio: f64,
}

impl Default for TracingConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            service_name: "portolan".to_owned(),
            sample_ratio: 0.01,
        }
    }
}

impl TracingConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let invalid = |key, why: &str| ConfigError::Invalid {
            key,
            why: why.to_owned(),
        };
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            let why = "must be between 0 (none) and 1 (all)";
            return Err(invalid("tracing.sample_ratio", why));
        }
        let endpoint = self.otlp_endpoint.as_deref().map(Url::parse);
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https");
        if endpoint.is_some_and(|url| !url.as_ref().is_ok_and(is_http)) {
            let why = "must be a URL with http:// or https://: OTLP over gRPC is not spoken here";
            return Err(invalid("tracing.otlp_endpoint", why));
        }
        Ok(())
    }
}
