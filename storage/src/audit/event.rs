//! What is told to the audit log.

use std::net::IpAddr;

use portolan_domain::ids::OwnerKey;
use time::OffsetDateTime;

/// By what somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// An API key.
    ApiKey,
    /// An OAuth consumer.
    OAuth,
    /// A client certificate.
    Certificate,
    /// A token, by its id.
    Token,
    /// Somebody on this machine, with the command line.
    Local,
    /// The service itself.
    System,
    /// Nobody known.
    Anonymous,
}

impl PrincipalKind {
    /// Reads the kind's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::ApiKey,
            Self::OAuth,
            Self::Certificate,
            Self::Token,
            Self::Local,
            Self::System,
            Self::Anonymous,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
    }

    /// The kind's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::OAuth => "oauth",
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Local => "local",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }
}

/// Who asks for something, from where, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// By what it is known.
    pub kind: PrincipalKind,
    /// Its name, within its kind.
    pub name: String,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The request's id, as in the log.
    pub request_id: Option<String>,
    /// The instant of the request, which is that of what it changes.
    pub at: OffsetDateTime,
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused; nothing was changed.
    Refused,
    /// It failed here; nothing was changed.
    Failed,
    /// It failed here, and may have been done: then another row says so.
    Unknown,
}

impl Outcome {
    /// The outcome's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing that happened, or that was tried. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who.
    pub actor: Actor,
    /// What, as `resource.verb`.
    pub action: &'static str,
    /// Whose data it touched, where it was one owner's.
    pub owner: Option<OwnerKey>,
    /// What it touched: a name or an id.
    pub subject: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// More in words: why it was refused, what counted.
    pub detail: Option<String>,
    /// How many times, where a row stands for many.
    pub count: u64,
    /// Downstream entitlements that it took back, which the webhook is told.
    pub revoked: u64,
}

impl Actor {
    /// The service itself.
    #[must_use]
    pub fn system(at: OffsetDateTime) -> Self {
        Self {
            kind: PrincipalKind::System,
            name: "portolan".to_owned(),
            address: None,
            request_id: None,
            at,
        }
    }

    /// What this actor did.
    #[must_use]
    pub fn did(&self, action: &'static str) -> Event {
        Event {
            actor: self.clone(),
            action,
            owner: None,
            subject: None,
            outcome: Outcome::Success,
            detail: None,
            count: 1,
            revoked: 0,
        }
    }
}

impl Event {
    /// Whose data it touched.
    #[must_use]
    pub fn of_owner(mut self, owner: &OwnerKey) -> Self {
        self.owner = Some(owner.clone());
        self
    }

    /// What it touched.
    #[must_use]
    pub fn on(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// How it ended, where it was not done.
    #[must_use]
    pub fn ended(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// More in words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// How many downstream entitlements it took back.
    #[must_use]
    pub fn revoking(mut self, entitlements: u64) -> Self {
        self.revoked = entitlements;
        self
    }

    /// How many times.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = count;
        self
    }
}
