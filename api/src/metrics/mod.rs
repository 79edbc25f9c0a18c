//! What Prometheus reads. New figures are registered in [`Metrics::new`]: those that handlers count are
//! fields here, those that are looked up are collectors, like [`ends`].

mod ends;
mod http;
mod listener;
mod node;
mod work;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use axum::http::{HeaderMap, header};
use portolan_domain::ids::RepoName;
use prometheus_client::{
    encoding::{prometheus_text, text},
    metrics::{counter::Counter, family::Family, info::Info},
    registry::Registry,
};

pub use self::{
    http::{HotRoute, HttpFigures},
    listener::MetricsListener,
    node::Node,
    work::{ImportEnd, JobEnd, WorkFigures},
};

use self::ends::Ends;
use crate::expiry::Expirations;

/// The media type of `OpenMetrics` 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All figures; cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    ends: Ends,
    undecided: Family<Labels, Counter>,
    http: HttpFigures,
    address: OnceLock<SocketAddr>,
}

/// Names and values of a figure's labels.
type Labels = Vec<(&'static str, String)>;

/// In which form the figures go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Prometheus' text format 0.0.4, which everything reads.
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Metrics {
    /// Figures of these certificates, of this node, and of its work.
    #[must_use]
    pub fn new(expirations: Expirations, node: Node, work: &WorkFigures) -> Self {
        let mut registry = Registry::with_prefix("portolan");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which version runs", build);
        let ends = Ends::new(expirations);
        registry.register_collector(Box::new(ends.collector()));
        let undecided = Family::<Labels, Counter>::default();
        let help = "Requests for commits that nobody told of, refused at edges";
        registry.register("edge_undecided", help, undecided.clone());
        let http = HttpFigures::new(&mut registry);
        work.register(&mut registry);
        registry.register_collector(Box::new(node));
        Self(Arc::new(Inner {
            registry,
            ends,
            undecided,
            http,
            address: OnceLock::new(),
        }))
    }

    /// An edge was asked for a commit of this repository that nobody told of.
    pub fn undecided(&self, repo: &RepoName) {
        let labels = vec![("repo", repo.to_string())];
        self.0.undecided.get_or_create(&labels).inc();
    }

    /// What requests are counted with.
    #[must_use]
    pub fn http(&self) -> &HttpFigures {
        &self.0.http
    }

    /// All figures as text.
    ///
    /// # Errors
    /// Where one cannot be written.
    pub async fn text(&self, form: Form) -> Result<String, std::fmt::Error> {
        self.0.ends.refresh().await;
        let mut out = String::new();
        match form {
            Form::Prometheus => prometheus_text::encode(&mut out, &self.0.registry)?,
            Form::OpenMetrics => text::encode(&mut out, &self.0.registry)?,
        }
        Ok(out)
    }

    /// Where the listener of its own is, once it is there.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address.get().copied()
    }
}

impl Form {
    /// The form that a scraper asks for.
    #[must_use]
    pub fn wanted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter();
        let mut accepted = accepted.filter_map(|value| value.to_str().ok());
        if accepted.any(|value| value.contains("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => OPEN_METRICS,
        }
    }
}
