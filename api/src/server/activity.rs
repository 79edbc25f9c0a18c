//! What a connection does, and until when it may do nothing.
//!
//! hyper has one limit for the head of a request, and counts an idle connection's wait into it. Here
//! they are two: a head that has begun must come soon, a quiet connection may be kept for longer. A
//! request that is being worked on, or an answer that the client is slow to take, is neither.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::Version;
use tokio::time::{Instant, sleep_until};

use crate::config::HttpLimits;

/// What to do with a connection that has done nothing for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Close it as the protocol says: a request that comes at this moment is still answered.
    Close,
    /// Drop it.
    Cut,
}

/// The activity of one connection; cheap to clone.
#[derive(Clone)]
pub struct Activity(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    header: Duration,
    idle: Duration,
}

struct State {
    /// Requests whose answers are not over.
    under_way: usize,
    /// The client takes nothing at the moment; the stream itself limits how long.
    write_blocked: bool,
    /// The version of the last request; none before the first.
    version: Option<Version>,
    /// Since when there is nothing under way.
    quiet_since: Instant,
    /// Since when a head is coming.
    head_since: Option<Instant>,
    /// It has been told to close.
    closing: bool,
}

/// A request under way, until dropped.
pub struct UnderWay(Activity);

impl Activity {
    /// Of a new connection.
    pub fn new(limits: &HttpLimits) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                under_way: 0,
                write_blocked: false,
                version: None,
                quiet_since: Instant::now(),
                head_since: None,
                closing: false,
            }),
            header: limits.header(),
            idle: limits.idle(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins.
    pub fn begin(&self, version: Version) -> UnderWay {
        let mut state = self.state();
        state.under_way += 1;
        state.version = Some(version);
        state.head_since = None;
        UnderWay(self.clone())
    }

    /// Bytes came.
    pub fn read(&self) {
        let mut state = self.state();
        // HTTP/2 has frames without a request, so that what comes there begins none.
        let http1 = state
            .version
            .is_some_and(|version| version < Version::HTTP_2);
        if http1 && state.under_way == 0 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// The client takes nothing of what is written, or takes it again.
    pub fn write_blocked(&self, blocked: bool) {
        let mut state = self.state();
        if state.write_blocked != blocked {
            state.write_blocked = blocked;
            state.quiet_since = Instant::now();
        }
    }

    /// It was told to close: from now it has as long as a head has.
    pub fn closing(&self) {
        let mut state = self.state();
        if !state.closing {
            state.closing = true;
            state.quiet_since = Instant::now();
        }
    }

    /// Until when it may do nothing, and what comes then; none while there is something under way.
    fn deadline(&self) -> Option<(Instant, Verdict)> {
        let state = self.state();
        if state.under_way > 0 || state.write_blocked {
            return None;
        }
        let (header, idle) = (self.0.header, self.0.idle);
        Some(match state.head_since {
            Some(begun) => (begun + header, Verdict::Cut),
            None if state.closing || state.version.is_none() => {
                (state.quiet_since + header, Verdict::Cut)
            }
            None => (state.quiet_since + idle, Verdict::Close),
        })
    }

    /// Waits until it has done nothing for too long. It looks now and then rather than being told: a deadline
    /// that is set is never nearer than the next look, and a request then costs no timer.
    pub async fn too_quiet(&self) -> Verdict {
        let look = self.0.header.min(self.0.idle);
        loop {
            let next = Instant::now() + look;
            let deadline = self.deadline().map(|(at, _)| at);
            sleep_until(deadline.map_or(next, |at| at.min(next))).await;
            if let Some((at, verdict)) = self.deadline()
                && at <= Instant::now()
            {
                return verdict;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let activity = &self.0;
        let mut state = activity.state();
        state.under_way -= 1;
        if state.under_way == 0 {
            state.quiet_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity() -> Activity {
        Activity::new(&HttpLimits::default())
    }

    fn left(activity: &Activity) -> Option<(u64, Verdict)> {
        let (at, verdict) = activity.deadline()?;
        let left = at.saturating_duration_since(Instant::now());
        Some((left.as_secs(), verdict))
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_less_time_than_a_quiet_connection() {
        let activity = activity();
        assert_eq!(left(&activity), Some((10, Verdict::Cut)));
        activity.read();
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(
            left(&activity),
            Some((6, Verdict::Cut)),
            "a byte lengthens nothing"
        );
        let request = activity.begin(Version::HTTP_11);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(
            left(&activity),
            None,
            "a slow handler is not the client's fault"
        );
        drop(request);
        assert_eq!(left(&activity), Some((75, Verdict::Close)));
        tokio::time::advance(Duration::from_secs(5)).await;
        activity.read();
        assert_eq!(left(&activity), Some((10, Verdict::Cut)));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_no_requests() {
        let activity = activity();
        drop(activity.begin(Version::HTTP_2));
        tokio::time::advance(Duration::from_secs(5)).await;
        activity.read();
        assert_eq!(left(&activity), Some((70, Verdict::Close)));
        activity.closing();
        assert_eq!(left(&activity), Some((10, Verdict::Cut)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_being_taken_is_no_quiet() {
        let activity = activity();
        drop(activity.begin(Version::HTTP_11));
        activity.write_blocked(true);
        assert_eq!(left(&activity), None);
        tokio::time::advance(Duration::from_secs(100)).await;
        activity.write_blocked(false);
        assert_eq!(left(&activity), Some((75, Verdict::Close)));
    }
}
