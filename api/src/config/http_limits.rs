//! `[http.limits]`: what one client, or all of them, may take of the service.
//!
//! Each limit ends what costs a file descriptor, memory or a task and brings nobody an answer. None
//! ends a request that is being worked on while its client waits, but `request_seconds`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[http.limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpLimits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address (IPv6: from one /64); left out: half of all. Those of
    /// trusted proxies are not counted.
    pub connections_per_address: Option<usize>,
    /// Seconds until the whole head of a request must have come: the first one of a new connection,
    /// or one that has begun.
    pub header_seconds: u64,
    /// Seconds that a connection is kept without a request under way.
    pub idle_seconds: u64,
    /// Seconds that a TLS handshake may take.
    pub handshake_seconds: u64,
    /// Seconds that a client may take nothing of its answer.
    pub write_seconds: u64,
    /// Bytes that the head of a request may have.
    pub header_bytes: u32,
    /// Headers that a request may have.
    pub headers: usize,
    /// Seconds that any route but the imports may take, beside what the body takes to come.
    pub request_seconds: u64,
    /// Seconds until a JSON body must have come; an upload may pause for so long, and is measured
    /// after so long.
    pub body_seconds: u64,
    /// Bytes a second that an upload must bring on average.
    pub upload_bytes_per_second: u64,
}

/// The smallest buffer that the HTTP library takes.
const SMALLEST_HEAD: u32 = 8192;

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 8192,
            connections_per_address: None,
            header_seconds: 10,
            idle_seconds: 75,
            handshake_seconds: 10,
            write_seconds: 30,
            header_bytes: 64 << 10,
            headers: 100,
            request_seconds: 30,
            body_seconds: 30,
            upload_bytes_per_second: 16_384,
        }
    }
}

impl HttpLimits {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let per_address = self.connections_per_address.unwrap_or(1);
        let limits = [
            ("http.limits.connections", wide(self.connections)),
            ("http.limits.connections_per_address", wide(per_address)),
            ("http.limits.header_seconds", self.header_seconds),
            ("http.limits.idle_seconds", self.idle_seconds),
            ("http.limits.handshake_seconds", self.handshake_seconds),
            ("http.limits.write_seconds", self.write_seconds),
            ("http.limits.headers", wide(self.headers)),
            ("http.limits.request_seconds", self.request_seconds),
            ("http.limits.body_seconds", self.body_seconds),
            (
                "http.limits.upload_bytes_per_second",
                self.upload_bytes_per_second,
            ),
        ];
        if self.header_bytes < SMALLEST_HEAD {
            return Err(ConfigError::Invalid {
                key: "http.limits.header_bytes",
                why: format!("must be at least {SMALLEST_HEAD}"),
            });
        }
        match limits.into_iter().find(|(_, limit)| *limit == 0) {
            Some((key, _)) => Err(ConfigError::Invalid {
                key,
                why: "must be at least 1".to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Until the head of a request must have come.
    #[must_use]
    pub fn header(&self) -> Duration {
        Duration::from_secs(self.header_seconds)
    }

    /// How long a connection is kept without a request.
    #[must_use]
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    /// How long a TLS handshake may take.
    #[must_use]
    pub fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds)
    }

    /// How long a client may take nothing of its answer.
    #[must_use]
    pub fn write(&self) -> Duration {
        Duration::from_secs(self.write_seconds)
    }

    /// How long a route may take.
    #[must_use]
    pub fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// Until a JSON body must have come.
    #[must_use]
    pub fn body(&self) -> Duration {
        Duration::from_secs(self.body_seconds)
    }
}
