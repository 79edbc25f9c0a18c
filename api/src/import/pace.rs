//! How fast an upload must come. Uploads may be large and lines slow, so there is no limit on the
//! whole: but who sends nothing for long, or a byte now and then, only wants to keep a connection.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use crate::{config::HttpLimits, problem::Problem, time_limit::too_slow};

/// The pace of one upload; cheap to clone.
#[derive(Clone)]
pub struct Pace {
    /// The longest pause, and the time that is not counted into the average.
    pause: Duration,
    bytes_per_second: u64,
    progress: Arc<Mutex<Progress>>,
}

struct Progress {
    started: Instant,
    last: Instant,
    received: u64,
}

impl Pace {
    /// Of an upload that begins now.
    #[must_use]
    pub fn new(limits: &HttpLimits) -> Self {
        let now = Instant::now();
        let progress = Progress {
            started: now,
            last: now,
            received: 0,
        };
        Self {
            pause: limits.body(),
            bytes_per_second: limits.upload_bytes_per_second.max(1),
            progress: Arc::new(Mutex::new(progress)),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        let progress = self.progress.lock();
        progress.unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came.
    pub(super) fn came(&self, bytes: &[u8]) {
        let mut progress = self.progress();
        progress.received += bytes.len() as u64;
        progress.last = Instant::now();
    }

    /// Until when the next bytes must come.
    fn deadline(&self) -> Instant {
        let progress = self.progress();
        // The pause is a credit: who sends in bursts is as fast as who sends evenly.
        let earned = Duration::from_secs(progress.received / self.bytes_per_second);
        let average = progress.started + self.pause + earned;
        average.min(progress.last + self.pause)
    }

    /// Waits for something of the upload, for as long as the upload keeps its pace.
    ///
    /// # Errors
    /// 408 where it does not.
    pub(super) async fn wait<T>(&self, something: impl Future<Output = T>) -> Result<T, Problem> {
        let mut something = pin!(something);
        loop {
            let deadline = self.deadline();
            if let Ok(done) = timeout_at(deadline, something.as_mut()).await {
                return Ok(done);
            }
            if self.deadline() <= Instant::now() {
                return Err(self.given_up());
            }
        }
    }

    fn given_up(&self) -> Problem {
        let (pause, least) = (self.pause.as_secs(), self.bytes_per_second);
        let detail = format!(
            "The upload was given up: it may pause for {pause} seconds, and must bring {least} \
             bytes a second on average."
        );
        too_slow(detail).with("stage", "receive")
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::interval_at;

    use super::*;

    async fn outcome(every: u64, bytes: usize, times: usize) -> Result<(), Problem> {
        let pace = Pace::new(&HttpLimits::default());
        let every = Duration::from_secs(every);
        // The clock stands still until everybody waits, then jumps to whoever is next.
        let mut ticks = interval_at(Instant::now() + every, every);
        let sending = async {
            for _ in 0..times {
                ticks.tick().await;
                pace.came(&vec![0; bytes]);
            }
        };
        pace.wait(sending).await
    }

    #[tokio::test(start_paused = true)]
    async fn only_an_upload_that_drags_is_given_up() {
        assert!(
            outcome(29, 29 * 20_000, 40).await.is_ok(),
            "slow, but fast enough"
        );
        assert!(
            outcome(1, 1, 29).await.is_ok(),
            "over before the average counts"
        );
        let crumbs = outcome(1, 100, 60).await.unwrap_err();
        assert_eq!(
            (crumbs.status().as_u16(), crumbs.slug()),
            (408, "request-timeout")
        );
        assert!(outcome(31, 1 << 20, 2).await.is_err(), "too long a pause");
        assert!(
            outcome(29, 29 * 12_000, 40).await.is_err(),
            "too slow on average"
        );
    }
}
