//! Who says who may have which ref: the grants in the database, the organisation's own system, or nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use portolan_domain::{
    grants::{Permission, Wanted, decide},
    ids::{CollectionId, OwnerKey, UserName},
};
use portolan_storage::{StorageError, Store};
use thiserror::Error;
use time::OffsetDateTime;

use super::webhook::WebhookAuthority;
use crate::{
    clock::Clock,
    config::{TokenAuthority, TokensConfig},
};

const NOBODY: Denial = Denial("nobody may have anything here: tokens.authority is none");
const NOT_GRANTED: Denial = Denial("nothing grants it to this user");
const ENDED: Denial = Denial("its grant has ended");
const NOT_ALLOWED: Denial = Denial("the authority does not allow it to this user");
const SILENT: Denial = Denial("the authority does not answer at the moment; try again soon");
const FOREIGN: Denial =
    Denial("its collection is in no repository of the owners that the credential is bound to");

/// Why a user does not get a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial(pub &'static str);

/// Whether a user may have a ref.
pub type Verdict = Result<Permission, Denial>;

/// No verdict at all.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// The organisation's system does not answer, and said nothing before that still counts.
    #[error("the authority does not answer")]
    Silent,
}

/// The authority that is set; cheap to clone.
#[derive(Clone)]
pub struct Authority {
    store: Store,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Nobody,
    Grants,
    Webhook(Arc<WebhookAuthority>),
}

impl Authority {
    /// The authority as it is set.
    ///
    /// # Errors
    /// Where the webhook's settings cannot be used.
    pub fn new(config: &TokensConfig, store: Store, clock: Clock) -> io::Result<Self> {
        let source = match config.authority() {
            TokenAuthority::None => Source::Nobody,
            TokenAuthority::Grants => Source::Grants,
            TokenAuthority::Webhook => {
                Source::Webhook(Arc::new(WebhookAuthority::new(&config.webhook, clock)?))
            }
        };
        Ok(Self { store, source })
    }

    /// Whether a user may have these refs; of an issuer that is bound to owners, only what is theirs.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub async fn judge(
        &self,
        user: &UserName,
        wanted: &BTreeSet<Wanted>,
        only: Option<&[OwnerKey]>,
        now: OffsetDateTime,
    ) -> Result<BTreeMap<Wanted, Verdict>, AuthorityError> {
        match &self.source {
            Source::Nobody => Ok(all(wanted, Err(NOBODY))),
            Source::Grants => self.by_grants(user, wanted, only, now).await,
            Source::Webhook(webhook) => self.by_webhook(webhook, user, wanted, only).await,
        }
    }

    async fn by_grants(
        &self,
        user: &UserName,
        wanted: &BTreeSet<Wanted>,
        only: Option<&[OwnerKey]>,
        now: OffsetDateTime,
    ) -> Result<BTreeMap<Wanted, Verdict>, AuthorityError> {
        let of = collections(wanted);
        let grants = self.store.grants_that_count(user, &of, only).await?;
        let verdict = |wanted: &Wanted| match decide(&grants, wanted, now) {
            Permission::Never => Err(NOT_GRANTED),
            Permission::Ended => Err(ENDED),
            permission => Ok(permission),
        };
        let judged = wanted.iter().map(|one| (one.clone(), verdict(one)));
        Ok(judged.collect())
    }

    /// The organisation's system knows no owners: an issuer that is bound to some asks of theirs alone.
    async fn by_webhook(
        &self,
        webhook: &WebhookAuthority,
        user: &UserName,
        wanted: &BTreeSet<Wanted>,
        only: Option<&[OwnerKey]>,
    ) -> Result<BTreeMap<Wanted, Verdict>, AuthorityError> {
        let mut verdicts = all(wanted, Err(FOREIGN));
        let asked: BTreeSet<Wanted> = match only {
            None => wanted.clone(),
            Some(owners) => {
                let of = collections(wanted);
                let own = self.store.collections_of(owners, &of).await?;
                let is_own = |one: &&Wanted| own.contains(&one.collection);
                wanted.iter().filter(is_own).cloned().collect()
            }
        };
        if asked.is_empty() {
            return Ok(verdicts);
        }
        let answers = webhook.ask(user, &asked).await;
        if answers.is_empty() {
            return Err(AuthorityError::Silent);
        }
        verdicts.extend(asked.into_iter().map(|one| {
            let verdict = match answers.get(&one) {
                Some(true) => Ok(Permission::Always),
                Some(false) => Err(NOT_ALLOWED),
                None => Err(SILENT),
            };
            (one, verdict)
        }));
        Ok(verdicts)
    }
}

impl Denial {
    /// That of a permission which has no whole second left.
    #[must_use]
    pub const fn ended() -> Self {
        ENDED
    }
}

fn collections(wanted: &BTreeSet<Wanted>) -> BTreeSet<CollectionId> {
    wanted.iter().map(|one| one.collection.clone()).collect()
}

fn all(wanted: &BTreeSet<Wanted>, verdict: Verdict) -> BTreeMap<Wanted, Verdict> {
    wanted.iter().map(|one| (one.clone(), verdict)).collect()
}
