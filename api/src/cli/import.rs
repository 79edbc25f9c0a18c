//! `portolan import`: into this machine's database, or over `--server`.

use std::{
    fs::File,
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use portolan_domain::{cdn_url::CdnUrl, conflict::Forced, ids::OwnerKey};
use portolan_storage::Actor;
use serde_json::Value;

use super::{context::Context, error::CliError, plan::plan, remote::Remote};
use crate::{
    import::{ImportOptions, OnSame, ReceivedUpload, UploadWriter},
    state::AppState,
    view::ImportRecord,
};

/// What an import takes.
#[derive(Args)]
pub struct ImportArgs {
    /// The manifest
    file: PathBuf,
    /// Whose it is
    #[arg(long)]
    owner: OwnerKey,
    /// The CDN's base URL, which counts over the manifest's
    #[arg(long)]
    cdn_url: Option<String>,
    /// A conflict to force, such as MANIFEST_OLD; repeat for more
    #[arg(long)]
    force: Vec<String>,
    /// What to do with the very bytes that were imported last
    #[arg(long, value_enum, default_value_t)]
    on_same: OnSame,
    /// Do all the work, store nothing, and show what would change
    #[arg(long)]
    dry_run: bool,
    /// A running service to import into
    #[arg(long, requires = "key")]
    server: Option<String>,
    /// The API key to use there
    #[arg(long, env = "PORTOLAN_KEY", hide_env_values = true)]
    key: Option<String>,
}

/// Runs the command.
pub async fn run(context: &Context, args: &ImportArgs) -> Result<(), CliError> {
    let record = match (&args.server, &args.key) {
        (Some(server), Some(key)) => remote(args, server, key).await?,
        _ => local(context, args).await?,
    };
    context.print(&record, || words(&record))
}

async fn remote(args: &ImportArgs, server: &str, key: &str) -> Result<Value, CliError> {
    let mut query: Vec<(&str, String)> = args.force.iter().map(|c| ("force", c.clone())).collect();
    query.extend(args.cdn_url.iter().map(|url| ("cdn_url", url.clone())));
    if args.on_same == OnSame::Skip {
        query.push(("on_same", "skip".to_owned()));
    }
    if args.dry_run {
        query.push(("dry_run", "true".to_owned()));
    }
    let bar = bar("{bar:40} {bytes}/{total_bytes} {msg}");
    let remote = Remote::new(server, key);
    let record = remote
        .import(&args.file, args.owner.as_str(), &query, &bar)
        .await;
    bar.finish_and_clear();
    record
}

async fn local(context: &Context, args: &ImportArgs) -> Result<Value, CliError> {
    let state = context.state().await?;
    state
        .store
        .owner(&args.owner)
        .await
        .map_err(|error| match error {
            portolan_storage::StorageError::NotFound { .. } => CliError::new(format!(
                "{error}; create it with: portolan owner add {}",
                args.owner
            )),
            other => other.into(),
        })?;
    let options = options(&state, args, context.actor())?;
    let upload = read(&state, &args.file)?;
    let record = import(&state, args, upload, options).await?;
    serde_json::to_value(record).map_err(|error| CliError::new(error.to_string()))
}

async fn import(
    state: &AppState,
    args: &ImportArgs,
    upload: ReceivedUpload,
    options: ImportOptions,
) -> Result<ImportRecord, CliError> {
    let (store, owner, dry_run) = (&state.store, &args.owner, args.dry_run);
    let skipped = args.on_same.skipped(store, owner, upload.sha256).await?;
    if let Some(record) = skipped {
        return Ok(ImportRecord::unchanged(record, dry_run));
    }
    let bar = bar("{spinner} {pos} entitlements, {elapsed}");
    let watching = tokio::spawn(show(bar.clone(), options.progress.clone()));
    let record = state.importer.import(owner, upload, options).await;
    watching.abort();
    bar.finish_and_clear();
    let mut record = ImportRecord::from(record?);
    record.dry_run = dry_run;
    Ok(record)
}

fn options(state: &AppState, args: &ImportArgs, by: Actor) -> Result<ImportOptions, CliError> {
    let forced = Forced::parse(args.force.iter().map(String::as_str));
    let forced = forced.map_err(|why| CliError::new(format!("a value of --force {why}")))?;
    let url = |text: &String| CdnUrl::parse(text, state.importer.http_cdn());
    let cdn_url = args.cdn_url.as_ref().map(url).transpose();
    Ok(ImportOptions {
        forced,
        cdn_url: cdn_url.map_err(|why| CliError::new(format!("--cdn-url {why}")))?,
        dry_run: args.dry_run,
        by,
        kept: None,
        progress: Arc::default(),
    })
}

/// Copies the file to one of ours first: what is verified must be what is parsed, whatever
/// somebody does to the file meanwhile.
fn read(state: &AppState, path: &Path) -> Result<ReceivedUpload, CliError> {
    let started = Instant::now();
    let unreadable = |error| CliError::new(format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let upload = spool(state, &mut file, &path.display().to_string())?;
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned);
    let receive_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(upload.finish(name, receive_ms)?)
}

/// Copies what is read into a file of ours, within the limit of an upload.
pub(super) fn spool(
    state: &AppState,
    reader: &mut impl Read,
    name: &str,
) -> Result<UploadWriter, CliError> {
    let limit = state.importer.upload_limit();
    let mut upload = state.importer.spool().begin()?;
    let mut chunk = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        let read = reader.read(&mut chunk);
        let read = read.map_err(|error| CliError::new(format!("{name}: {error}")))?;
        if read == 0 {
            return Ok(upload);
        }
        size += read as u64;
        if size > limit {
            let why = format!("over the limit of {limit} bytes (import.limits.upload_bytes)");
            return Err(CliError::new(format!("{name} is {why}")));
        }
        upload.write(&chunk[..read])?;
    }
}

/// A bar on a terminal, nothing elsewhere.
fn bar(template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn show(bar: ProgressBar, stored: Arc<AtomicU64>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        bar.set_position(stored.load(Ordering::Relaxed));
    }
}

/// Warnings that a person is shown.
const SHOWN: usize = 10;

/// A record as a person reads it.
fn words(record: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let counts = &record["counts"];
    let verification = &record["verification"];
    let consumer = &record["upstreamConsumer"];
    let dry = match (record["unchanged"] == true, record["dryRun"] == true) {
        (true, _) => " (unchanged: these bytes were imported last)",
        (false, true) => " (dry run: nothing was stored)",
        (false, false) => "",
    };
    let mut lines = vec![
        format!(
            "{}: {}{dry}",
            text(&record["status"]),
            text(&record["statusMessage"])
        ),
        format!(
            "  entitlements  {} added, {} updated, {} removed, {} unchanged",
            counts["added"], counts["updated"], counts["removed"], counts["unchanged"]
        ),
        format!(
            "  consumer      {} ({})",
            text(&consumer["name"]),
            text(&consumer["uuid"])
        ),
        format!(
            "  verified by   {} with {}",
            text(&verification["caFilename"]),
            text(&verification["algorithm"])
        ),
    ];
    let warnings = record["warnings"].as_array().cloned().unwrap_or_default();
    for warning in warnings.iter().take(SHOWN) {
        let of = warning["entitlementId"].as_str().unwrap_or_default();
        lines.push(format!("  warning       {of} {}", text(&warning["detail"])));
    }
    if warnings.len() > SHOWN {
        lines.push(format!(
            "  … and {} more warnings (--json)",
            warnings.len() - SHOWN
        ));
    }
    if record["dryRun"] == true && record["unchanged"] != true {
        lines.extend(plan(record));
    }
    lines.join("\n")
}
