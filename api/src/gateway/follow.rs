//! Who may pull what, as this node knows it: read once, and then what feeds change, within a second on every node
//! and at once on the one that took a feed. While the database is away, what is here goes on.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use portolan_domain::gateway::{Changes, Directory};
use portolan_storage::{StorageError, Store};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::{pulse::Pulse, server::close};

/// How long a failed reading is left alone.
const RETRY: Duration = Duration::from_millis(250);
/// How long a reading may take: a whole directory has a hundred megabytes at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// The directory of the moment; cheap to clone.
#[derive(Clone)]
pub struct Directories(Arc<Inner>);

struct Inner {
    store: Store,
    current: RwLock<Option<Arc<Directory>>>,
    /// Held by the one who reads.
    reading: Mutex<()>,
}

impl Directories {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Inner {
            store,
            current: RwLock::default(),
            reading: Mutex::default(),
        }))
    }

    /// Who may pull what. Whoever asks goes on with what he was given, whatever changes meanwhile.
    ///
    /// # Errors
    /// Where it was never read, and the database does not answer.
    pub async fn current(&self) -> Result<Arc<Directory>, StorageError> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        Box::pin(self.refresh()).await?;
        self.known().ok_or_else(StorageError::timed_out)
    }

    /// Reads what has changed: what was fed before counts here from now on.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn refresh(&self) -> Result<(), StorageError> {
        self.read(&self.0.store).await
    }

    fn known(&self) -> Option<Arc<Directory>> {
        let current = self.0.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self, store: &Store) -> Result<(), StorageError> {
        let _turn = self.0.reading.lock().await;
        let known = self.known();
        let after = known.as_ref().map_or(-1, |known| known.generation());
        let mut changes = read_changes(store, after).await?;
        if known.is_some() && changes.generation == after {
            return Ok(());
        }
        let mut before = known.as_deref().cloned().unwrap_or_default();
        if changes.generation < after {
            // A copy from before was put in the database's place: nothing of what is known is sure.
            before = Directory::default();
            changes = read_changes(store, -1).await?;
        }
        let made = spawn_blocking(move || before.with(changes));
        let made = made.await.map_err(|_| StorageError::timed_out())?;
        let mut current = self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::new(made));
        Ok(())
    }

    /// Follows what is fed elsewhere, for as long as the service runs.
    pub async fn follow(self, pulse: Pulse) {
        let mut beats = pulse.beats();
        loop {
            let beat = *beats.borrow_and_update();
            let told = beat.map(|beat| beat.generations.gateway);
            let known = self.known().map(|known| known.generation());
            // What was fed here may be known before the beat that tells of it: then nothing has changed.
            if told.is_some()
                && told != known
                && let Err(error) = self.read_on_its_own().await
            {
                tracing::warn!(%error, "what the gateway was fed could not be read");
                tokio::time::sleep(RETRY).await;
                continue;
            }
            if beats.changed().await.is_err() {
                return;
            }
        }
    }

    /// A flood of requests that has all connections must not keep old rights alive.
    async fn read_on_its_own(&self) -> Result<(), StorageError> {
        let store = self.0.store.on_its_own().await?;
        let read = self.read(&store).await;
        close(store).await;
        read
    }
}

async fn read_changes(store: &Store, after: i64) -> Result<Changes, StorageError> {
    let changes = tokio::time::timeout(PATIENCE, store.gateway_changes(after)).await;
    changes.unwrap_or_else(|_| Err(StorageError::timed_out()))
}
