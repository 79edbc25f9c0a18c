//! What the service does by itself: it writes the audit log's counts, when credentials were last used, and
//! that revocations and shared nonces have ended; looks for what ends soon; and sends what the webhook is to
//! be told.

use std::time::Duration;

use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{expiry, state::AppState, webhook::Sender};

/// How often credentials' last use is noted, and old revocations and nonces are forgotten.
const PERIOD: Duration = Duration::from_mins(1);
/// How long the end of the service waits for what is still to be written.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The tasks that write.
pub struct Housekeeping {
    state: AppState,
    auditing: JoinHandle<()>,
    listening: JoinHandle<()>,
    tidying: JoinHandle<()>,
    working: JoinHandle<()>,
    /// What is done for the webhook, where there is one.
    telling: Option<Telling>,
}

struct Telling {
    looking: JoinHandle<()>,
    sending: JoinHandle<()>,
    stop: CancellationToken,
}

impl Housekeeping {
    /// Starts them.
    pub fn start(state: &AppState) -> Self {
        Self {
            auditing: tokio::spawn(state.audit.clone().run()),
            listening: tokio::spawn(state.pulse.clone().run(state.store.clone())),
            tidying: tokio::spawn(tidy(state.clone())),
            working: tokio::spawn(state.jobs.clone().run()),
            telling: Telling::start(state),
            state: state.clone(),
        }
    }

    /// Ends them, and writes what is left.
    pub async fn end(self) {
        self.tidying.abort();
        self.state.jobs.stop();
        // A job that is put back in vain goes on after its lease.
        if timeout(LAST_WORDS, self.working).await.is_err() {
            tracing::warn!("jobs could not be put back: they go on after their lease");
        }
        let sending = self.telling.map(Telling::stop);
        self.state.audit.stop();
        self.state.pulse.stop();
        let last_words = async {
            // They never panic; and if one did, what waits is still there.
            let _ = self.auditing.await;
            let _ = self.listening.await;
            self.state.audit.flush().await?;
            self.state.keyring.note_uses().await
        };
        match timeout(LAST_WORDS, last_words).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the last audit events are lost"),
            Err(_) => tracing::error!("the last audit events are lost: the database is busy"),
        }
        if let Some(sending) = sending
            && timeout(LAST_WORDS, sending).await.is_err()
        {
            tracing::info!(
                "messages to the webhook are under way; those that do not arrive are sent again"
            );
        }
    }
}

impl Telling {
    fn start(state: &AppState) -> Option<Self> {
        let stop = CancellationToken::new();
        let sender = Sender::new(
            state.webhook.clone()?,
            state.store.clone(),
            state.clock.clone(),
        );
        let looking = expiry::watch(state.expirations.clone(), state.clock.clone());
        Some(Self {
            looking: tokio::spawn(looking),
            sending: tokio::spawn(sender.run(stop.clone())),
            stop,
        })
    }

    /// What is still to be waited for.
    fn stop(self) -> JoinHandle<()> {
        self.looking.abort();
        self.stop.cancel();
        self.sending
    }
}

async fn tidy(state: AppState) {
    loop {
        tokio::time::sleep(PERIOD).await;
        if let Err(error) = state.keyring.note_uses().await {
            tracing::warn!(%error, "when credentials were last used could not be noted");
        }
        if let Err(error) = state.tokens.revocations().forget().await {
            tracing::warn!(%error, "old revocations could not be forgotten");
        }
        if let Err(error) = state.store.forget_gateway_tokens(state.clock.now()).await {
            tracing::warn!(%error, "old tokens of the gateway could not be forgotten");
        }
        if !state.config.access.shared_nonces {
            continue;
        }
        if let Err(error) = state.store.forget_nonces(state.clock.now()).await {
            tracing::warn!(%error, "old OAuth nonces could not be forgotten");
        }
    }
}
