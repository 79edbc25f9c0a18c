//! `portolan job`: imports that run without their client.

use std::time::Duration;

use clap::Subcommand;
use portolan_domain::ids::OwnerKey;
use portolan_storage::Job;
use serde_json::Value;
use uuid::Uuid;

use super::{context::Context, error::CliError};
use crate::{
    extract::Span,
    routes::jobs::{JobResult, JobStatus},
    view::Timestamp,
};

/// What can be done with jobs.
#[derive(Subcommand)]
pub enum JobCommand {
    /// List jobs, newest first
    List {
        /// Of one owner alone
        #[arg(long)]
        owner: Option<OwnerKey>,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Show a job, and what became of it
    Show {
        /// Its id
        id: Uuid,
        /// Wait for its end, for so long: 30s, 5m
        #[arg(long, value_parser = span)]
        wait: Option<Duration>,
    },
    /// Take a job back; nothing of it is stored
    Cancel {
        /// Its id
        id: Uuid,
    },
}

fn span(text: &str) -> Result<Duration, &'static str> {
    Span::try_from(text.to_owned()).map(Span::get)
}

/// Runs a command.
pub async fn run(context: &Context, command: &JobCommand) -> Result<(), CliError> {
    match command {
        JobCommand::List { owner, limit } => list(context, owner.as_ref(), *limit).await,
        JobCommand::Show { id, wait } => {
            let jobs = context.state().await?.jobs.clone();
            let job = match wait {
                Some(wait) => jobs.wait(*id, *wait).await?,
                None => jobs.get(*id).await?,
            };
            show(context, job.ok_or_else(|| unknown(*id))?)
        }
        JobCommand::Cancel { id } => {
            let jobs = context.state().await?.jobs.clone();
            jobs.cancel(*id, &context.actor()).await?;
            let job = jobs.get(*id).await?;
            show(context, job.ok_or_else(|| unknown(*id))?)
        }
    }
}

fn unknown(id: Uuid) -> CliError {
    CliError::new(format!("there is no job {id}"))
}

async fn list(context: &Context, owner: Option<&OwnerKey>, limit: u64) -> Result<(), CliError> {
    let page = context.store().await?.jobs(owner, None, limit).await?;
    let statuses: Vec<JobStatus> = page.items.into_iter().map(JobStatus::of).collect();
    let values = to_value(&statuses)?;
    context.print(&values, || {
        if statuses.is_empty() {
            return "no jobs".to_owned();
        }
        let lines: Vec<String> = statuses.iter().map(line).collect();
        lines.join("\n")
    })
}

fn line(job: &JobStatus) -> String {
    let said = job.result_data.as_ref().map(summary).unwrap_or_default();
    let (created, owner) = (job.created.to_string(), &job.owner_key);
    format!("{} {:9} {created} {owner:16} {said}", job.id, job.state)
}

/// What became of it, in one line.
fn summary(result: &JobResult) -> String {
    match result {
        JobResult::Import(record) => record.status_message.clone(),
        JobResult::Document(document) => {
            let said = document["statusMessage"].as_str();
            let said = said.or_else(|| document["detail"].as_str());
            said.unwrap_or_default().to_owned()
        }
    }
}

/// A job on its own.
pub fn show(context: &Context, job: Job) -> Result<(), CliError> {
    let status = JobStatus::of(job);
    let value = to_value(&status)?;
    context.print(&value, || words(&status))
}

fn words(job: &JobStatus) -> String {
    let shown = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let mut lines = vec![
        format!("{}: {} of {}", job.state, job.name, job.owner_key),
        format!("  job       {}", job.id),
        format!("  asked     {}", job.created),
        format!("  begun     {}", shown(job.start_time)),
        format!("  ended     {}", shown(job.end_time)),
        format!("  progress  {} entitlements", job.progress.entitlements),
    ];
    if let Some(result) = &job.result_data {
        lines.push(format!("  outcome   {}", summary(result)));
    }
    lines.join("\n")
}

fn to_value(value: &impl serde::Serialize) -> Result<Value, CliError> {
    serde_json::to_value(value).map_err(|error| CliError::new(error.to_string()))
}
