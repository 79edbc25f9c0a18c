//! Where events and spans of the program go: the log, and a collector where there is one.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry, registry::LookupSpan,
    util::SubscriberInitExt,
};

use super::error::CliError;
use crate::{
    config::{Config, LogFormat},
    telemetry::Telemetry,
};

/// Starts the log. The service logs what happens; commands tell their results and log only trouble, and make no
/// spans.
pub fn start(config: &Config, serves: bool) -> Result<Option<Telemetry>, CliError> {
    let default = if serves {
        config.log.filter.as_str()
    } else {
        "error"
    };
    let filter =
        EnvFilter::try_from_env("PORTOLAN_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let telemetry = Telemetry::of(config).map_err(|error| {
        CliError::new(format!(
            "spans cannot be sent: {error} (tracing.otlp_endpoint)"
        ))
    })?;
    let telemetry = telemetry.filter(|_| serves);
    // A second subscriber in one process is a test's: the first one stays.
    let _ = match &telemetry {
        // One filter for all costs less than one for each.
        None => registry()
            .with(filter)
            .with(lines(config.log.format))
            .try_init(),
        Some(telemetry) => registry()
            .with(lines(config.log.format).with_filter(filter))
            .with(telemetry.layer())
            .try_init(),
    };
    Ok(telemetry)
}

/// One line per event on standard error.
fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().with_span_list(false).boxed(),
    }
}
