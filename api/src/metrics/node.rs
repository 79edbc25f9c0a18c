//! What this node is doing at the moment: its memory, the feed of changes, its connections.

use std::fmt;

use portolan_storage::Store;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use crate::{cache::EntitlementCache, pulse::Pulse};

/// Where the figures come from.
pub struct Node {
    cache: EntitlementCache,
    pulse: Pulse,
    store: Store,
}

impl Node {
    /// Of this node.
    #[must_use]
    pub fn new(cache: EntitlementCache, pulse: Pulse, store: Store) -> Self {
        Self {
            cache,
            pulse,
            store,
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node")
    }
}

impl Collector for Node {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let figures = self.cache.figures();
        let help = "Questions for entitlements, by what memory had: the answer (hit), the answer although the \
                    database was away (stale), or not (miss)";
        let mut metric =
            encoder.encode_descriptor("cache_requests", help, None, MetricType::Counter)?;
        for (result, count) in [
            ("hit", figures.hits),
            ("stale", figures.stale),
            ("miss", figures.misses),
        ] {
            let labels = [("result", result)];
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
        let help = "Questions for entitlements that went to the database";
        let metric = encoder.encode_descriptor("cache_queries", help, None, MetricType::Counter)?;
        ConstCounter::new(figures.queries).encode(metric)?;
        let help = "What answers about entitlements take in memory";
        let unit = Some(&Unit::Bytes);
        let metric = encoder.encode_descriptor("cache", help, unit, MetricType::Gauge)?;
        ConstGauge::new(figures.bytes).encode(metric)?;
        let help = "Answers about entitlements in memory";
        let metric = encoder.encode_descriptor("cache_entries", help, None, MetricType::Gauge)?;
        ConstGauge::new(figures.entries).encode(metric)?;
        // Where nothing was ever heard, there is no figure.
        if let Some(silent) = self.pulse.silent_for() {
            let help = "For how long nothing has been heard of changes in the database; beyond 0.7 this node asks \
                        the database for every answer";
            let unit = Some(&Unit::Seconds);
            let metric = encoder.encode_descriptor("feed_silent", help, unit, MetricType::Gauge)?;
            ConstGauge::new(silent.as_secs_f64()).encode(metric)?;
        }
        let connections = self.store.connections();
        let help = "Connections to the database, by what they do";
        let mut metric =
            encoder.encode_descriptor("database_connections", help, None, MetricType::Gauge)?;
        for (state, count) in [
            ("idle", connections.idle),
            ("busy", connections.open.saturating_sub(connections.idle)),
        ] {
            let labels = [("state", state)];
            ConstGauge::new(i64::from(count)).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
