//! Whether the database is there, and what has changed in it: asked four times a second over the connection
//! of the feed, which is its own, so that a flood of requests cannot keep this node from learning of a
//! revocation. While it beats, what memory has is right and costs no query.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use portolan_storage::{Feed, Generations, StorageError, Store};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

/// How often the database is asked.
const BEAT: Duration = Duration::from_millis(250);
/// How long a beat may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a beat is believed: with the one that is under way, a revocation counts within a second.
const BELIEVED: Duration = Duration::from_millis(700);

/// The database's pulse; cheap to clone.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// When a question of somebody else's failed.
    failed: Mutex<Option<Instant>>,
    stop: Notify,
    /// What was heard last, for those who act on a change. None before the first beat.
    told: watch::Sender<Option<Beat>>,
}

/// What the database said.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    /// How often what nodes keep in memory has changed.
    pub generations: Generations,
    /// When it was asked: before the question, so that an answer is never taken for newer than it is.
    pub asked: Instant,
    /// Which opening of the feed this is of, from 1. Between two of them the database may have been put back, and come
    /// to the same numbers in another way.
    pub opening: u64,
}

impl Pulse {
    fn last(&self) -> Option<Beat> {
        *self.0.told.borrow()
    }

    /// A question failed: while the pulse is silent too, others need not try for a moment.
    pub fn note_failure(&self) {
        let now = Some(Instant::now());
        *self.0.failed.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether the database is silent, and somebody has just found that out: then memory answers at
    /// once. Now and then somebody asks all the same, in case that only the pulse is cut off.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let failed = *self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
        self.generation().is_none() && failed.is_some_and(|at| at.elapsed() < BEAT)
    }

    /// How often credentials have changed; none while that is not known.
    #[must_use]
    pub fn generation(&self) -> Option<i64> {
        self.generation_at(Instant::now())
    }

    /// The same for whoever has looked at the clock.
    #[must_use]
    pub fn generation_at(&self, now: Instant) -> Option<i64> {
        let beat = self.last()?;
        let age = now.saturating_duration_since(beat.asked);
        (age < BELIEVED).then_some(beat.generations.credentials)
    }

    /// Each beat, as it is heard; none before the first.
    #[must_use]
    pub fn beats(&self) -> watch::Receiver<Option<Beat>> {
        self.0.told.subscribe()
    }

    /// For how long nothing was heard of the database; none where nothing ever was.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        self.last().map(|beat| beat.asked.elapsed())
    }

    /// Ends [`Pulse::run`].
    pub fn stop(&self) {
        self.0.stop.notify_one();
    }

    /// Whether all changes up to a moment ago are known, so that what memory has is right.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.generation().is_some()
    }

    /// The same for whoever has looked at the clock.
    #[must_use]
    pub fn is_heard_at(&self, now: Instant) -> bool {
        self.generation_at(now).is_some()
    }

    /// Listens, until [`Pulse::stop`].
    pub async fn run(self, store: Store) {
        let (mut feed, mut opening) = (None, 0);
        let mut ticks = tokio::time::interval(BEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // A flood of announcements keeps no beat from being asked for.
                biased;
                () = self.0.stop.notified() => break,
                _ = ticks.tick() => {}
                heard = hear(feed.as_mut()) => {
                    if heard.is_err() {
                        feed = None;
                    }
                    continue;
                }
            }
            opening += u64::from(feed.is_none());
            let asked = Instant::now();
            match timeout(PATIENCE, beat(&store, &mut feed)).await {
                Ok(Ok(generations)) => {
                    let beat = Beat {
                        generations,
                        asked,
                        opening,
                    };
                    self.0.told.send_replace(Some(beat));
                }
                // A connection in the middle of a question is of no use for the next one.
                Ok(Err(_)) | Err(_) => feed = None,
            }
        }
        if let Some(open) = feed {
            open.close().await;
        }
    }
}

/// Hears an announcement, where there is a feed to hear it from.
async fn hear(feed: Option<&mut Feed>) -> Result<(), StorageError> {
    match feed {
        Some(feed) => feed.hear().await,
        None => std::future::pending().await,
    }
}

async fn beat(store: &Store, feed: &mut Option<Feed>) -> Result<Generations, StorageError> {
    let open = match feed.take() {
        Some(open) => open,
        None => store.feed().await?,
    };
    // Put back before the question, so that giving it up drops the feed where it is.
    feed.insert(open).beat().await
}
