//! `portolan cdn check`: what is there, for a person.

use std::fmt::Write;

use portolan_domain::ids::CdnLabel;

use crate::{
    cdn_check::{CdnCheck, CheckPath},
    cli::{context::Context, error::CliError},
    problem::Problem,
};

/// Runs the command. It ends well where the check ran, whatever was found.
pub async fn run(context: &Context, label: &CdnLabel, path: &CheckPath) -> Result<(), CliError> {
    let state = context.state().await?;
    state.anchors.reload().await?;
    let cdn = state.store.cdn(label).await?;
    let report = state
        .cdn_checker
        .check(&cdn, path)
        .await
        .map_err(Problem::from)?;
    let value = serde_json::to_value(&report).map_err(|error| CliError::new(error.to_string()))?;
    context.print(&value, || in_words(&report))
}

fn in_words(report: &CdnCheck) -> String {
    let yes_or = |known: Option<bool>, no: &str| match known {
        None => "not known".to_owned(),
        Some(true) => "yes".to_owned(),
        Some(false) => no.to_owned(),
    };
    let known = |text: Option<&str>| text.unwrap_or("none").to_owned();
    let trusted = format!("no: {}", known(report.trust_error.as_deref()));
    let status = report.status.map(|status| status.to_string());
    let ends = report.expires_in_days.map(|days| format!("{days} days"));
    let mut text = String::new();
    for (name, value) in [
        ("CDN", format!("{} at {}", report.label, report.url)),
        (
            "connected to",
            known(report.address.as_deref().filter(|_| report.connected)),
        ),
        ("TLS", known(report.tls_version.as_deref())),
        ("trusted", yes_or(report.trusted, &trusted)),
        ("right name", yes_or(report.hostname_matches, "no")),
        ("ends in", known(ends.as_deref())),
        (
            "status",
            format!("{} for {}", known(status.as_deref()), report.path),
        ),
    ] {
        // Writing into a text never fails.
        let _ = writeln!(text, "{name:13} {value}");
    }
    for certificate in &report.chain {
        let (subject, until) = (&certificate.subject, certificate.not_after);
        let _ = writeln!(text, "{:13} {subject} until {until}", "certificate");
    }
    if let Some(error) = &report.error {
        let _ = writeln!(text, "{:13} {error}", "error");
    }
    text.trim_end().to_owned()
}
