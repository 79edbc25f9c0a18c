//! What the cache holds: finished answers, and the word that there is none.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{body::Bytes, http::HeaderValue};
use portolan_domain::{
    ids::{EntitlementId, OwnerKey},
    trust::TrustAnchors,
};
use portolan_storage::{EntitlementAnswer, StorageError};
use time::OffsetDateTime;

use crate::{
    signed_urls::OwnerSigner,
    view::{EdgeFacts, certificate_text, finish_answer},
};

/// How long the word that there is nothing is believed.
pub(super) const NOTHING: Duration = Duration::from_secs(1);
/// After how long a choice among several entitlements, which depends on the time, is made anew.
const CHOSEN: time::Duration = time::Duration::seconds(10);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// An entitlement of either kind.
    Entitlement(EntitlementId),
    /// An owner as a whole.
    Owner(OwnerKey),
}

/// An answer, ready to be sent.
pub struct Finished {
    /// What it was finished from.
    pub found: Arc<EntitlementAnswer>,
    /// Its entity tag.
    pub etag: HeaderValue,
    /// `cdn_info`.
    pub json: Bytes,
    /// See [`Finished::text`].
    pub(crate) text: OnceLock<Option<Bytes>>,
    /// What signs URLs for the owner; none where nothing does.
    pub signer: Option<Arc<OwnerSigner>>,
    /// What an edge reads in headers.
    pub edge: EdgeFacts,
}

impl Finished {
    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> &OwnerKey {
        &self.found.owner.key
    }

    /// `upstream_cert`, written once somebody wants it; none where the manifest had no certificate.
    #[must_use]
    pub fn text(&self) -> Option<&Bytes> {
        let write = || self.found.certificate.as_ref().map(certificate_text);
        self.text.get_or_init(write).as_ref()
    }
}

/// An answer, and whether it comes from memory because the database is away.
pub struct Cached {
    /// The answer.
    pub answer: Arc<Finished>,
    /// Whether it must be marked.
    pub stale: bool,
}

/// An answer, and the anchors that it was finished with.
pub(super) struct Entry {
    pub answer: Arc<Finished>,
    pub anchors: Arc<TrustAnchors>,
    /// What was known of changes before the question.
    pub position: u64,
    /// When that was.
    pub asked: Instant,
    /// When it is this answer, where time alone makes it another one.
    pub during: Option<Range<OffsetDateTime>>,
}

/// That there is nothing, and what was known of changes before the question.
#[derive(Clone)]
pub(super) struct Nothing {
    pub why: Absent,
    pub position: u64,
    pub asked: Instant,
}

/// Why there is nothing.
#[derive(Debug, Clone)]
pub(super) enum Absent {
    /// The entitlement is unknown.
    Unknown,
    /// The owner is unknown.
    NoOwner(OwnerKey),
    /// The owner has imported nothing.
    WithoutImport(OwnerKey),
}

impl Entry {
    pub fn new(
        (found, signer): (Arc<EntitlementAnswer>, Option<Arc<OwnerSigner>>),
        anchors: Arc<TrustAnchors>,
        now: OffsetDateTime,
        (position, asked): (u64, Instant),
    ) -> Self {
        Self {
            during: until(&found, now).map(|until| now..until),
            answer: Arc::new(finish_answer(found, signer, &anchors, now)),
            anchors,
            position,
            asked,
        }
    }

    /// The answer, the text, what they were finished from, and the entry around them, in bytes.
    pub fn weight(&self) -> u32 {
        let certificate = self.answer.found.certificate.as_ref();
        let text = certificate.map_or(0, |own| {
            own.cert.len() + own.key.as_ref().map_or(0, |key| key.expose().len())
        });
        u32::try_from(self.answer.json.len() + 2 * text + 1024).unwrap_or(u32::MAX)
    }
}

/// A certificate ends, and another may begin.
fn until(found: &EntitlementAnswer, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let certificate = found.certificate.as_ref();
    let end = certificate.map(|own| own.not_after);
    // It counts to its last second.
    let end = end.filter(|end| *end >= now);
    let chosen = found.chosen.then(|| now + CHOSEN);
    [end, chosen].into_iter().flatten().min()
}

impl Absent {
    /// What the database's word means; none where it failed.
    pub fn of(question: &Question, error: &StorageError) -> Option<Self> {
        match (error, question) {
            (StorageError::WithoutImport(owner), _) => Some(Self::WithoutImport(owner.clone())),
            (StorageError::NotFound { .. }, Question::Owner(owner)) => {
                Some(Self::NoOwner(owner.clone()))
            }
            (StorageError::NotFound { .. }, Question::Entitlement(_)) => Some(Self::Unknown),
            _ => None,
        }
    }

    /// The same, for whoever asked.
    pub fn into_answer(self) -> Result<Option<Cached>, StorageError> {
        match self {
            Self::Unknown => Ok(None),
            Self::NoOwner(owner) => Err(StorageError::NotFound {
                what: "owner",
                name: owner.to_string(),
            }),
            Self::WithoutImport(owner) => Err(StorageError::WithoutImport(owner)),
        }
    }
}
