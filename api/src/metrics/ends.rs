//! `portolan_certificate_not_after_seconds`: when the first certificate ends, by owner and kind. Looked up
//! at most once a minute, however many scrape; while the database is away, the last figures stay.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use portolan_storage::FirstEnd;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Unit,
};
use tokio::time::timeout;

use crate::expiry::Expirations;

/// How long the figures are believed.
const BELIEVED: Duration = Duration::from_mins(1);
/// How soon the database is asked again where it failed.
const AGAIN: Duration = Duration::from_secs(5);
/// How long the database may take: a scraper gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The figures, and where they come from.
pub struct Ends {
    expirations: Expirations,
    current: Current,
    /// When to ask again. Held while somebody asks: others wait for the answer.
    due: tokio::sync::Mutex<Option<Instant>>,
}

/// The figures of the moment.
#[derive(Clone, Default)]
pub struct Current(Arc<Mutex<Arc<Vec<FirstEnd>>>>);

impl Ends {
    pub fn new(expirations: Expirations) -> Self {
        Self {
            expirations,
            current: Current::default(),
            due: tokio::sync::Mutex::default(),
        }
    }

    pub fn collector(&self) -> Current {
        self.current.clone()
    }

    /// Looks the figures up, where those of the moment are old.
    pub async fn refresh(&self) {
        let mut due = self.due.lock().await;
        if due.is_some_and(|due| Instant::now() < due) {
            return;
        }
        let believed = match timeout(PATIENCE, self.expirations.first_ends()).await {
            Ok(Ok(ends)) => {
                self.current.set(ends);
                BELIEVED
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "when certificates end cannot be looked up");
                AGAIN
            }
            Err(_) => {
                tracing::warn!("when certificates end cannot be looked up: the database is busy");
                AGAIN
            }
        };
        *due = Instant::now().checked_add(believed);
    }
}

impl Current {
    fn set(&self, ends: Vec<FirstEnd>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(ends);
    }

    fn get(&self) -> Arc<Vec<FirstEnd>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl Collector for Current {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let help = "When the first certificate of the owner and kind ends, in seconds since 1970";
        let name = "certificate_not_after";
        let unit = Some(&Unit::Seconds);
        let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for end in self.get().iter() {
            let labels = [("owner", end.owner.as_str()), ("kind", end.kind.as_str())];
            let value = ConstGauge::new(end.not_after.unix_timestamp());
            value.encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
