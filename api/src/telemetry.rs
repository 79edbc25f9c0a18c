//! Spans for a collector (OpenTelemetry's OTLP over HTTP), where `[tracing]` names one: what a request did, within
//! whatever its caller does (W3C Trace Context). Without one nothing of this costs anything.

use axum::http::HeaderMap;
use opentelemetry::{KeyValue, global, propagation::Extractor, trace::TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use crate::config::Config;

/// What the spans of steps within a request are called by: no line of the log is below them.
pub const STEPS: &str = "portolan::steps";
/// The header of a trace that a request is part of (W3C Trace Context, section 3.2).
pub const TRACEPARENT: &str = "traceparent";

/// Sends spans, in a thread of its own.
#[derive(Debug)]
pub struct Telemetry(SdkTracerProvider);

impl Telemetry {
    /// Where spans go, where they go anywhere.
    ///
    /// # Errors
    /// Where the collector's URL cannot be used.
    pub fn of(config: &Config) -> Result<Option<Self>, ExporterBuildError> {
        let tracing = &config.tracing;
        let Some(endpoint) = &tracing.otlp_endpoint else {
            return Ok(None);
        };
        let base = endpoint.trim_end_matches('/');
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{base}/v1/traces"))
            .build()?;
        let by_ratio = Sampler::TraceIdRatioBased(tracing.sample_ratio);
        let about = [
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", config.audit.node().to_owned()),
        ];
        let resource = Resource::builder()
            .with_service_name(tracing.service_name.clone())
            .with_attributes(about);
        global::set_text_map_propagator(TraceContextPropagator::new());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(by_ratio)))
            .with_resource(resource.build());
        Ok(Some(Self(provider.build())))
    }

    /// What takes the spans.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let tracer = self.0.tracer("portolan");
        let own = Targets::new()
            .with_target("portolan", Level::INFO)
            .with_target(STEPS, Level::DEBUG);
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_filter(own)
    }

    /// Sends what is left.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// Puts the span of a request below the one that its caller names.
pub fn join(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key(TRACEPARENT) {
        return;
    }
    let parent = global::get_text_map_propagator(|format| format.extract(&Carrier(headers)));
    // Where no spans are made there is nothing to put anywhere.
    let _ = span.set_parent(parent);
}

struct Carrier<'a>(&'a HeaderMap);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
