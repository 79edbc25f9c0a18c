//! A streaming replica, where entitlements are looked up while it is near enough: it has replayed what the
//! primary had written less than a second ago. What has changed since is asked of the primary, so that nobody
//! sees less than a node has acknowledged or heard of.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, Statement};

use crate::{
    database::Database,
    engine::{self, DatabaseSettings},
    error::Result,
};

/// How long the word that a replica is near is believed.
const BELIEVED: Duration = Duration::from_millis(700);
/// For how long after a change its owner's answers come from the primary: longer than a replica that is near may
/// be behind.
pub(crate) const SETTLING: Duration = Duration::from_secs(2);

/// The replica; cheap to clone.
#[derive(Clone)]
pub(crate) struct Replica {
    database: Database,
    near: Arc<RwLock<Option<Instant>>>,
}

impl Replica {
    /// Connects once it is needed: a replica that is away keeps no node from starting.
    pub async fn open(settings: &DatabaseSettings) -> Result<Option<Self>> {
        let Some(url) = &settings.read_url else {
            return Ok(None);
        };
        let settings = DatabaseSettings {
            url: url.clone(),
            ..settings.clone()
        };
        Ok(Some(Self {
            database: engine::connect_lazily(&settings).await?,
            near: Arc::default(),
        }))
    }

    /// Its connections, while it is near.
    pub fn near(&self) -> Option<&Database> {
        let near = *self.near.read().unwrap_or_else(PoisonError::into_inner);
        near.is_some_and(|at| at.elapsed() < BELIEVED)
            .then_some(&self.database)
    }

    /// Looks whether it has come to this place of the primary's log, which the primary told at `asked`.
    pub async fn look(&self, place: &str, asked: Instant) {
        let sql = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1::pg_lsn";
        let backend = self.database.get_database_backend();
        let query = Statement::from_sql_and_values(backend, sql, [place.into()]);
        let row = self.database.query_one_raw(query).await;
        let is_near = row
            .ok()
            .flatten()
            .and_then(|row| row.try_get_by_index(0).ok());
        if is_near == Some(true) {
            *self.near.write().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        }
    }
}
