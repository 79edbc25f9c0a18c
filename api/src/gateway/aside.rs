//! Long work of the processor's, beside requests that must not wait for it.

use std::thread;

use tokio::sync::oneshot;

/// How much less such work counts than requests do (`nice`, of 19): where the processor is busy, it gets a quarter.
const NICE: i32 = 5;

/// Runs this on a thread of its own, with a lower priority; the runtime's own threads could not get theirs back. None
/// where there was no thread to be had, or it ended early.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, done) = oneshot::channel();
    let run = move || {
        // Of the calling thread alone (setpriority(2), on Linux). Where it is refused, it is as any other.
        let _ = rustix::process::setpriority_process(None, NICE);
        // Nobody waits any more where the client went away.
        let _ = sender.send(work());
    };
    let thread = thread::Builder::new().name("portolan-aside".to_owned());
    thread.spawn(run).ok()?;
    done.await.ok()
}

#[cfg(test)]
mod tests {
    use super::aside;

    #[tokio::test]
    async fn what_is_done_aside_is_done_with_a_lower_priority() {
        let before = rustix::process::getpriority_process(None).unwrap();
        let there = aside(|| rustix::process::getpriority_process(None).unwrap()).await;
        assert_eq!(there, Some(before + super::NICE));
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
    }
}
