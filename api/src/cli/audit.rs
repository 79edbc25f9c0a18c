//! `portolan audit`: the log of who did what.

use clap::Subcommand;
use portolan_storage::{AuditFault, AuditFilter, AuditReport, AuditRow, FaultKind};
use serde_json::{Value, json};

use super::{
    context::Context,
    error::{CliError, print_line},
};
use crate::view::Timestamp;

/// What can be done with the audit log.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Follow every node's chain, and name each row that was changed or is missing
    Verify {
        /// An end that an earlier run printed, NODE=ROWS:HASH, which must still be there; repeat for more
        #[arg(long, value_parser = expected)]
        expect: Vec<Expected>,
    },
    /// Show the newest events
    List {
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: &AuditCommand) -> Result<(), CliError> {
    match command {
        AuditCommand::Verify { expect } => verify(context, expect).await,
        AuditCommand::List { limit } => list(context, *limit).await,
    }
}

/// An end that was kept elsewhere: with it, even an end that was cut off together with its record shows.
#[derive(Clone)]
pub struct Expected {
    node: String,
    rows: i64,
    hash: String,
}

fn expected(text: &str) -> Result<Expected, String> {
    let wrong = || "must be NODE=ROWS:HASH, as portolan audit verify prints it".to_owned();
    let (node, end) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (rows, hash) = end.split_once(':').ok_or_else(wrong)?;
    Ok(Expected {
        node: node.to_owned(),
        rows: rows.parse().map_err(|_| wrong())?,
        hash: hash.to_owned(),
    })
}

async fn verify(context: &Context, expect: &[Expected]) -> Result<(), CliError> {
    let store = context.store().await?;
    let mut report = store.verify_audit_log().await?;
    for Expected { node, rows, hash } in expect {
        if store.audit_hash(node, *rows).await?.as_ref() != Some(hash) {
            report.faults.push(AuditFault {
                node: node.clone(),
                sequence: *rows,
                kind: FaultKind::NotExpected,
            });
        }
    }
    if report.faults.is_empty() {
        return context.print(&shown(&report), || in_words(&report));
    }
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    if context.json {
        print_line(&shown(&report).to_string())?;
    } else {
        for fault in &faults {
            print_line(fault)?;
        }
    }
    Err(CliError::new(format!(
        "the audit log does not hold: {} in {} rows",
        match faults.len() {
            1 => "1 fault".to_owned(),
            count => format!("{count} faults"),
        },
        report.rows
    )))
}

fn shown(report: &AuditReport) -> Value {
    let ends = report.ends.iter();
    let nodes: Vec<Value> = ends
        .map(|(node, (rows, hash))| json!({ "node": node, "rows": rows, "hash": hash }))
        .collect();
    let faults: Vec<Value> = report
        .faults
        .iter()
        .map(|fault| {
            json!({
                "node": fault.node, "sequence": fault.sequence, "detail": fault.to_string(),
            })
        })
        .collect();
    json!({ "rows": report.rows, "nodes": nodes, "faults": faults })
}

fn in_words(report: &AuditReport) -> String {
    let mut lines = vec![format!(
        "the audit log holds: {} rows. Keep the ends elsewhere, for --expect:",
        report.rows
    )];
    for (node, (rows, hash)) in &report.ends {
        lines.push(format!("  {node}={rows}:{hash}"));
    }
    lines.join("\n")
}

async fn list(context: &Context, limit: u64) -> Result<(), CliError> {
    let store = context.store().await?;
    let page = store.audit_log(&AuditFilter::default(), limit).await?;
    let values: Value = page.items.iter().map(value).collect();
    context.print(&values, || {
        let lines: Vec<String> = page.items.iter().map(line).collect();
        lines.join("\n")
    })
}

fn value(row: &AuditRow) -> Value {
    json!({
        "time": Timestamp(row.at).to_string(), "node": row.node, "sequence": row.sequence,
        "principal": row.principal, "principalKind": row.principal_kind, "action": row.action,
        "ownerKey": row.owner_key, "subject": row.subject, "outcome": row.outcome,
        "detail": row.detail, "count": row.count, "requestId": row.request_id,
        "address": row.address, "hash": row.hash,
    })
}

fn line(row: &AuditRow) -> String {
    let times = if row.count == 1 {
        String::new()
    } else {
        format!(" {}×", row.count)
    };
    let optional = [&row.owner_key, &row.subject, &row.detail];
    let rest: Vec<&str> = optional.into_iter().flatten().map(String::as_str).collect();
    format!(
        "{} {} {} {}{times} {}",
        Timestamp(row.at),
        row.principal,
        row.action,
        row.outcome,
        rest.join(" · ")
    )
}
