//! What other processes change, as it happens: over a connection of its own, so that a flood of requests
//! cannot keep a node from hearing of a revocation.
//!
//! PostgreSQL announces owners whose answers have changed (`LISTEN`, told by a trigger). Each beat tells itself
//! something over a channel of its own and waits for it: announcements come in the order of the commits, so
//! that with the beat's own word everything before it has come, too. A connection that is half open gives no
//! such word. On SQLite a beat reads how often answers have changed; what this process has not done itself,
//! another has, and then all is old.

use std::time::{Duration, Instant};

use portolan_domain::ids::OwnerKey;
use sea_orm::sqlx::{
    Row,
    postgres::{PgListener, PgNotification, PgPool},
    query,
};

use crate::{
    changes::Changes,
    engine::{self, Engine},
    error::{Result, StorageError, lost},
    generation::Generations,
    replica::Replica,
    store::Store,
};

/// The channel of changed owners; see the migration `owner_changes`.
const OWNERS: &str = "portolan_owners";

/// How long closing may take: a connection that is half open never says goodbye.
const CLOSING: Duration = Duration::from_secs(1);

/// The feed of changes.
pub struct Feed {
    link: Link,
    changes: Changes,
    cdns: Option<i64>,
}

enum Link {
    Postgres(Box<Listening>),
    Sqlite(Box<Counting>),
}

struct Listening {
    listener: PgListener,
    pool: PgPool,
    /// The channel of its own word.
    own: String,
    replica: Option<Replica>,
}

struct Counting {
    store: Store,
    /// Changes up to this number are known.
    seen: Option<i64>,
    /// What was to be another process's change at the last beat: a commit of this one, which is on its way
    /// to be known, is so no longer at the next.
    suspected: Option<i64>,
}

impl Store {
    /// Opens the feed. What changed before is unknown, so that what was remembered is to be asked for anew.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the database does not answer.
    pub async fn feed(&self) -> Result<Feed> {
        let link = match self.engine() {
            Engine::Postgres => Link::Postgres(Box::new(Listening::open(self).await?)),
            Engine::Sqlite => Link::Sqlite(Box::new(Counting {
                store: self.on_its_own().await?,
                seen: None,
                suspected: None,
            })),
        };
        // Not before it listens: what is asked for from now on misses nothing.
        self.changes.unsure();
        Ok(Feed {
            link,
            changes: self.changes.clone(),
            cdns: None,
        })
    }
}

impl Feed {
    /// Proves that the feed works, and that everything has been heard that was committed before.
    ///
    /// # Errors
    /// [`StorageError`]: the feed is of no use any more, nor is it where this was given up.
    pub async fn beat(&mut self) -> Result<Generations> {
        let generations = match &mut self.link {
            Link::Postgres(listening) => listening.beat(&self.changes).await?,
            Link::Sqlite(counting) => counting.beat(&self.changes).await?,
        };
        let cdns = Some(generations.cdns);
        if self.cdns.is_none() {
            // What was counted before this first look was told by nobody: what was asked for meanwhile may be old.
            self.changes.unsure();
        } else if self.cdns != cdns {
            self.changes.all_changed();
        }
        self.cdns = cdns;
        Ok(generations)
    }

    /// Hears one announcement. On SQLite there are none between beats.
    ///
    /// # Errors
    /// As [`Feed::beat`].
    pub async fn hear(&mut self) -> Result<()> {
        match &mut self.link {
            Link::Postgres(listening) => {
                let told = listening.next().await?;
                listening.apply(&told, &self.changes);
                Ok(())
            }
            Link::Sqlite(_) => std::future::pending().await,
        }
    }

    /// Closes its connection.
    pub async fn close(self) {
        let closing = async {
            match self.link {
                Link::Postgres(listening) => {
                    let Listening { listener, pool, .. } = *listening;
                    drop(listener);
                    pool.close().await;
                }
                Link::Sqlite(counting) => {
                    // Of a file that is about to be closed, nothing is left to say.
                    let _ = counting.store.close().await;
                }
            }
        };
        let _ = tokio::time::timeout(CLOSING, closing).await;
    }
}

impl Listening {
    async fn open(store: &Store) -> Result<Self> {
        let pool = engine::listening_pool(&store.settings).await?;
        let mut listener = PgListener::connect_with(&pool).await.map_err(lost)?;
        // Never behind our back: what is announced meanwhile would be missed.
        listener.eager_reconnect(false);
        listener.ignore_pool_close_event(true);
        let own = format!("portolan_beat_{}", uuid::Uuid::new_v4().simple());
        listener
            .listen_all([OWNERS, own.as_str()])
            .await
            .map_err(lost)?;
        Ok(Self {
            listener,
            pool,
            own,
            replica: store.replica.clone(),
        })
    }

    async fn beat(&mut self, changes: &Changes) -> Result<Generations> {
        let asked = Instant::now();
        let beat = "SELECT name, value, pg_current_wal_flush_lsn()::text, pg_notify($1, '') \
                    FROM generations";
        let rows = query(beat).bind(&self.own);
        let rows = rows.fetch_all(&mut self.listener).await.map_err(lost)?;
        let place = rows.first().and_then(|row| row.try_get(2).ok());
        let rows: Result<Vec<(String, i64)>, _> = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect();
        loop {
            let told = self.next().await?;
            if told.channel() == self.own {
                break;
            }
            self.apply(&told, changes);
        }
        if let (Some(replica), Some(place)) = (&self.replica, place) {
            let (replica, place): (_, String) = (replica.clone(), place);
            // Beside it: a replica that hangs is not this feed's fault.
            tokio::spawn(async move {
                let look = replica.look(&place, asked);
                let _ = tokio::time::timeout(CLOSING, look).await;
            });
        }
        Generations::of(rows.map_err(lost)?.into_iter())
    }

    async fn next(&mut self) -> Result<PgNotification> {
        let told = self.listener.try_recv().await.map_err(lost)?;
        told.ok_or_else(StorageError::timed_out)
    }

    fn apply(&self, told: &PgNotification, changes: &Changes) {
        if told.channel() == self.own {
            return;
        }
        match told.payload().parse::<OwnerKey>() {
            Ok(owner) => changes.owner_changed(&owner),
            // Somebody else's word: to take it for more than it says is safe.
            Err(_) => changes.all_changed(),
        }
    }
}

impl Counting {
    async fn beat(&mut self, changes: &Changes) -> Result<Generations> {
        let generations = self.store.generations().await?;
        let now = generations.owners;
        let Some(seen) = self.seen else {
            changes.forget_made(now);
            self.seen = Some(now);
            return Ok(generations);
        };
        if now < seen {
            // The file was put back to an earlier state.
            changes.all_changed();
            changes.forget_made(i64::MAX - 1);
            self.seen = Some(now);
        } else if changes.made_all(seen, now) {
            (self.seen, self.suspected) = (Some(now), None);
        } else if let Some(suspected) = self.suspected.take() {
            changes.all_changed();
            changes.forget_made(suspected);
            self.seen = Some(suspected);
        } else {
            self.suspected = Some(now);
        }
        Ok(generations)
    }
}
