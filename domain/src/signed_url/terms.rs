//! For how long, from where and for whom a URL is signed.

use std::net::IpAddr;

use thiserror::Error;
use time::{Duration, OffsetDateTime};

/// The terms of a signature. CDNs know whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub(super) issued_at: i64,
    pub(super) expires: i64,
    pub(super) not_before: Option<i64>,
    pub(super) ip: Option<IpAddr>,
    pub(super) user: Option<String>,
}

/// Why nothing is signed on these terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidTerms {
    /// Shorter than a second, or longer than a week.
    #[error("the duration must be 1 second to 7 days (604800 seconds)")]
    Duration,
    /// It would end before it begins.
    #[error("notBefore must be before the end, which the duration says")]
    NotBefore,
    /// The user's name goes into a URL.
    #[error("the user must have 1 to 255 characters, none of them a control character")]
    User,
}

impl Terms {
    /// Seconds, where nobody says how many.
    pub const DEFAULT_SECONDS: i64 = 3600;
    /// Seconds at most.
    pub const MOST_SECONDS: i64 = 7 * 86_400;

    /// From now on, for so many seconds.
    ///
    /// # Errors
    /// [`InvalidTerms::Duration`].
    pub fn new(now: OffsetDateTime, seconds: i64) -> Result<Self, InvalidTerms> {
        if !(1..=Self::MOST_SECONDS).contains(&seconds) {
            return Err(InvalidTerms::Duration);
        }
        let issued_at = now.unix_timestamp();
        Ok(Self {
            issued_at,
            expires: issued_at.saturating_add(seconds),
            not_before: None,
            ip: None,
            user: None,
        })
    }

    /// Not before this instant.
    ///
    /// # Errors
    /// [`InvalidTerms::NotBefore`].
    pub fn not_before(mut self, at: OffsetDateTime) -> Result<Self, InvalidTerms> {
        let at = at.unix_timestamp();
        if at >= self.expires {
            return Err(InvalidTerms::NotBefore);
        }
        self.not_before = Some(at);
        Ok(self)
    }

    /// From this address alone.
    #[must_use]
    pub fn from_address(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// For this user, where the CDN's signature has a place for it.
    ///
    /// # Errors
    /// [`InvalidTerms::User`].
    pub fn for_user(mut self, user: &str) -> Result<Self, InvalidTerms> {
        let length = user.chars().count();
        if !(1..=255).contains(&length) || user.chars().any(char::is_control) {
            return Err(InvalidTerms::User);
        }
        self.user = Some(user.to_owned());
        Ok(self)
    }

    /// The first instant at which the signature does not count any more.
    #[must_use]
    pub fn expires(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(self.expires)
    }
}
