//! What this node does beside answering: imports by step, jobs, tokens. Those who do it count it, with figures that
//! exist before there is anything to register them in.

use std::{sync::Arc, time::Duration};

use portolan_domain::token::TokenKind;
use portolan_storage::Timings;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// The figures; cheap to clone.
#[derive(Clone, Default)]
pub struct WorkFigures(Arc<Inner>);

struct Inner {
    imports: Family<Outcome, Counter>,
    steps: Family<StepLabel, Histogram>,
    entitlements: Counter,
    jobs: Family<Outcome, Counter>,
    jobs_running: Gauge,
    signed: Family<KindLabel, Counter>,
    verified: Counter,
    refused: Counter,
}

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportEnd {
    /// It was stored, or would have been.
    Imported,
    /// The manifest was not taken.
    Refused,
    /// The service failed.
    Failed,
}

/// How a node's work on a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd {
    /// It is done, whatever came of it, or was taken back or over.
    Ended,
    /// It goes on later, here or elsewhere.
    PutBack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    step: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            imports: Family::default(),
            steps: Family::new_with_constructor(|| Histogram::new(buckets())),
            entitlements: Counter::default(),
            jobs: Family::default(),
            jobs_running: Gauge::default(),
            signed: Family::default(),
            verified: Counter::default(),
            refused: Counter::default(),
        }
    }
}

/// 10 ms to 11 min, each four times the one before: a small manifest takes the first, a very large one the last.
fn buckets() -> impl Iterator<Item = f64> {
    exponential_buckets(0.01, 4.0, 9)
}

impl WorkFigures {
    /// Makes them part of what Prometheus reads.
    pub(super) fn register(&self, registry: &mut Registry) {
        let own = &*self.0;
        let help = "Imports that ended on this node";
        registry.register("imports", help, own.imports.clone());
        let help = "How long the steps of an import took: to receive, to verify, to parse, to store, where storing \
                    goes on while more is parsed";
        let steps = own.steps.clone();
        registry.register_with_unit("import_step_duration", help, Unit::Seconds, steps);
        let help = "Entitlements that imports brought";
        registry.register("import_entitlements", help, own.entitlements.clone());
        let help = "Jobs that this node worked on";
        registry.register("jobs", help, own.jobs.clone());
        let help = "Jobs that this node works on now";
        registry.register("jobs_running", help, own.jobs_running.clone());
        let help = "Tokens that were signed";
        registry.register("tokens_signed", help, own.signed.clone());
        let help = "Tokens that were shown and count";
        registry.register("tokens_verified", help, own.verified.clone());
        let help = "Tokens that were shown and do not count";
        registry.register("tokens_refused", help, own.refused.clone());
    }

    /// An import ended so, after these steps.
    pub fn import_ended(&self, end: ImportEnd, timings: &Timings) {
        let outcome = match end {
            ImportEnd::Imported => "imported",
            ImportEnd::Refused => "refused",
            ImportEnd::Failed => "failed",
        };
        self.0.imports.get_or_create(&Outcome { outcome }).inc();
        for (step, millis) in [
            ("receive", timings.receive_ms),
            ("verify", timings.verify_ms),
            ("parse", timings.parse_ms),
            ("store", timings.store_ms),
        ] {
            // A step that was not come to took no time.
            if end == ImportEnd::Imported || millis > 0 {
                let seconds = Duration::from_millis(millis).as_secs_f64();
                let step = self.0.steps.get_or_create(&StepLabel { step });
                step.observe(seconds);
            }
        }
    }

    /// So many entitlements were stored.
    pub fn entitlements_imported(&self, number: u64) {
        self.0.entitlements.inc_by(number);
    }

    /// So many jobs run here.
    pub fn jobs_running(&self, number: usize) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.0.jobs_running.set(number);
    }

    /// Work on a job ended so.
    pub fn job_ended(&self, end: JobEnd) {
        let outcome = match end {
            JobEnd::Ended => "ended",
            JobEnd::PutBack => "put_back",
        };
        self.0.jobs.get_or_create(&Outcome { outcome }).inc();
    }

    /// A token of this kind was signed.
    pub fn token_signed(&self, kind: TokenKind) {
        let kind = match kind {
            TokenKind::Access => "access",
            TokenKind::FlatManager => "flat-manager",
            TokenKind::RefToken => "ref-token",
            TokenKind::Registry => "registry",
        };
        self.0.signed.get_or_create(&KindLabel { kind }).inc();
    }

    /// A token was shown.
    pub fn token_shown(&self, counts: bool) {
        let counter = if counts {
            &self.0.verified
        } else {
            &self.0.refused
        };
        counter.inc();
    }
}
