//! Requests by route, method and status, and how long they took.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// A route of the hot path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HotRoute {
    /// `cdn_info`.
    CdnInfo,
    /// A narrower token.
    TokenSubset,
    /// The same, where flat-manager's clients ask for it.
    FlatManagerTokenSubset,
    /// nginx asks whether a client may have a file.
    EdgeNginx,
    /// Traefik asks it.
    EdgeTraefik,
}

impl HotRoute {
    /// In the order of their numbers.
    const ALL: [Self; 5] = [
        Self::CdnInfo,
        Self::TokenSubset,
        Self::FlatManagerTokenSubset,
        Self::EdgeNginx,
        Self::EdgeTraefik,
    ];

    /// Its method, and what the router calls it.
    fn named(self) -> (Method, &'static str) {
        match self {
            Self::CdnInfo => (Method::GET, "/entitlements/{entitlement_id}/cdn_info"),
            Self::TokenSubset => (Method::POST, "/token_subset"),
            Self::FlatManagerTokenSubset => (Method::POST, "/api/v1/token_subset"),
            Self::EdgeNginx => (Method::GET, "/edge/authorize/nginx"),
            Self::EdgeTraefik => (Method::GET, "/edge/authorize/traefik"),
        }
    }
}

/// The figures; cheap to clone.
#[derive(Clone)]
pub struct HttpFigures {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    hot: [Hot; HotRoute::ALL.len()],
}

/// What the hot path counts of a route, looked up once.
#[derive(Clone)]
struct Hot {
    ok: Counter,
    not_modified: Counter,
    seconds: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: MethodLabel,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// A method; what is none of HTTP's own is `OTHER`, so that nobody makes series at will.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct MethodLabel(&'static str);

impl EncodeLabelValue for MethodLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

impl MethodLabel {
    fn of(method: &Method) -> Self {
        Self(match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "OTHER",
        })
    }
}

impl HttpFigures {
    pub fn new(registry: &mut Registry) -> Self {
        let requests = Family::<RequestLabels, Counter>::default();
        let help = "Requests that were answered";
        registry.register("http_requests", help, requests.clone());
        let seconds =
            Family::<RouteLabels, Histogram>::new_with_constructor(|| Histogram::new(buckets()));
        let help = "How long answers took, from a request's head to the head of its answer";
        let unit = Unit::Seconds;
        registry.register_with_unit("http_request_duration", help, unit, seconds.clone());
        let hot = HotRoute::ALL.map(|route| {
            let (method, route) = route.named();
            let counter = |status| {
                let labels = RequestLabels {
                    route: route.to_owned(),
                    method: MethodLabel::of(&method),
                    status,
                };
                requests.get_or_create_owned(&labels)
            };
            let route = route.to_owned();
            Hot {
                ok: counter(200),
                not_modified: counter(304),
                seconds: seconds.get_or_create_owned(&RouteLabels { route }),
            }
        });
        Self {
            requests,
            seconds,
            hot,
        }
    }

    /// A request was answered; `route` is what the router matched, nothing where it matched none.
    pub fn answered(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let labels = RequestLabels {
            route: route.to_owned(),
            method: MethodLabel::of(method),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        let route = labels.route;
        let seconds = self.seconds.get_or_create(&RouteLabels { route });
        seconds.observe(took.as_secs_f64());
    }

    /// Memory answered, before the routes.
    pub fn answered_from_memory(&self, route: HotRoute, status: StatusCode, took: Duration) {
        let hot = &self.hot[route as usize];
        match status {
            StatusCode::NOT_MODIFIED => hot.not_modified.inc(),
            _ => hot.ok.inc(),
        };
        hot.seconds.observe(took.as_secs_f64());
    }
}

/// 100 µs to 26 s, each four times the one before.
fn buckets() -> impl Iterator<Item = f64> {
    exponential_buckets(0.0001, 4.0, 10)
}
