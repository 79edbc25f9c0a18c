//! `portolan webhook`: whether the receiver takes what it is sent.

use std::time::Instant;

use clap::Subcommand;
use serde_json::json;

use super::{context::Context, error::CliError};
use crate::{view::Timestamp, webhook::Webhook};

/// What can be done with the webhook.
#[derive(Subcommand)]
pub enum WebhookCommand {
    /// Send one ping now, and say what came back
    Test,
}

/// Runs a command.
pub async fn run(context: &Context, command: &WebhookCommand) -> Result<(), CliError> {
    let WebhookCommand::Test = command;
    let webhook = Webhook::new(&context.config.webhook)?;
    let webhook = webhook.ok_or_else(|| {
        CliError::new("no webhook is set: set webhook.url, and webhook.secret or its file")
    })?;
    let now = context.clock.now();
    let timestamp = Timestamp(now).to_string();
    let body = json!({ "type": "ping", "timestamp": timestamp, "data": {} }).to_string();
    let id = format!("ping-{}", now.unix_timestamp());
    let started = Instant::now();
    let status = webhook.post(&id, now, &body).await;
    let status =
        status.map_err(|error| CliError::new(format!("the ping was not taken: {error}")))?;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let value = json!({ "id": id, "status": status.as_u16(), "milliseconds": millis });
    context.print(&value, || {
        format!("the receiver answered {status} in {millis} ms")
    })
}
