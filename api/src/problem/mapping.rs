//! The one place where errors of the layers below become HTTP. Every variant is decided here.

mod gateway;
mod imports;
mod ref_tokens;
mod tokens;

use axum::http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use portolan_domain::build::BuildError;
use portolan_storage::{LineRefusal, StorageError};

use super::{
    Problem,
    failures::{internal, no_disk, unavailable, uncertain},
};
use crate::{batch::BatchError, export::ExportError};

pub use imports::ImportProblem;
pub use tokens::{invalid_token, token_insufficient};

use imports::conflicting;

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NotFound { what, ref name } => not_found(what, name),
            StorageError::Taken { .. } => {
                conflict("already-exists", "It exists already", &error.to_string())
            }
            StorageError::InUse { .. } => conflict("in-use", "It is in use", &error.to_string()),
            StorageError::Conflicts(conflicts) => conflicting(&conflicts, None),
            StorageError::UpstreamConsumerInUse(_) => conflict(
                "upstream-consumer-in-use",
                "The upstream consumer belongs to another owner",
                &format!("{error}. Import it into that owner."),
            ),
            StorageError::EntitlementIdInUse(_) => conflict(
                "entitlement-id-in-use",
                "An entitlement id is taken",
                &format!("{error}. Ids are one namespace over all owners; nothing forces this."),
            ),
            StorageError::RepoInUse(_) => conflict(
                "repo-in-use",
                "The repository's name is taken",
                &format!("{error}. Names are one namespace over all owners; take another one."),
            ),
            StorageError::CollectionInUse(_) => conflict(
                "collection-in-use",
                "The collection is taken",
                &format!(
                    "{error}. Collections are one namespace over all owners: whoever has one decides \
                     who may have its refs."
                ),
            ),
            StorageError::CollectionNotOwned(_) => collection_not_owned(&error),
            StorageError::TooManyJobs(most) => too_many_jobs(most),
            StorageError::JobLost => {
                conflict("job-lost", "The job is another node's", &error.to_string())
            }
            StorageError::Line {
                line,
                refusal: LineRefusal::InUse(_),
            } => conflict(
                "entitlement-id-in-use",
                "An entitlement id is taken",
                &format!("{error}. Ids are one namespace over all owners; nothing of the batch is stored."),
            )
            .with("line", line),
            StorageError::Line {
                line,
                refusal: LineRefusal::CollectionNotOwned(_),
            } => collection_not_owned(&error).with("line", line),
            StorageError::Line { line, .. } => batch_line(line, &error),
            StorageError::EntitlementIsUpstream(_) => conflict(
                "entitlement-is-upstream",
                "The entitlement came with a manifest",
                &format!("{error}. It goes with a manifest that lacks it, or when the import is undone."),
            ),
            StorageError::CdnSigning(why) => why.into(),
            StorageError::WithoutImport(_) => Self::new(
                StatusCode::NOT_FOUND,
                "owner-without-import",
                "The owner has imported nothing",
                sentence(&format!("{error}. Import a manifest first")),
            ),
            StorageError::Unavailable(error) => unavailable(&error),
            StorageError::Disk(error) => no_disk(&error),
            StorageError::Uncertain(error) => uncertain(&error),
            StorageError::MasterKey(_)
            | StorageError::Corrupt { .. }
            | StorageError::Database(_)
            | StorageError::Interrupted
            | StorageError::Seal(_) => internal(&error),
        }
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Line { line, .. } | BatchError::TooMany { line } => {
                batch_line(line, &error)
            }
            BatchError::Store(error) => error.into(),
            BatchError::Disk(error) => no_disk(&error),
            BatchError::Interrupted => internal(&error),
        }
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "The service is busy",
                "More exports are made or sent than export.concurrent and export.sending allow. Try \
                 again soon.",
            )
            .header(RETRY_AFTER, HeaderValue::from_static("10")),
            ExportError::TooLarge { bytes, limit } => conflict(
                "export-too-large",
                "The export is too large",
                &format!(
                    "The archive has {bytes} bytes, over the {limit} that can be signed so. Export fewer \
                     entitlements, or with another scheme."
                ),
            ),
            ExportError::Build(BuildError::Io(error)) | ExportError::Disk(error) => no_disk(&error),
            ExportError::Store(error) => error.into(),
            ExportError::Build(_) | ExportError::Interrupted => internal(&error),
        }
    }
}

fn batch_line(line: u64, error: &dyn std::error::Error) -> Problem {
    let detail = format!("{error}. Nothing of the batch is stored");
    let (title, status) = ("A line of the batch is not right", StatusCode::BAD_REQUEST);
    Problem::new(status, "batch-line-invalid", title, sentence(&detail)).with("line", line)
}

fn not_found(what: &'static str, name: &str) -> Problem {
    let (slug, title) = match what {
        "owner" => ("owner-not-found", "There is no such owner"),
        "pool" => ("pool-not-found", "There is no such pool"),
        "upstream entitlement" => (
            "upstream-entitlement-not-found",
            "There is no such upstream entitlement",
        ),
        "CDN" => ("cdn-not-found", "There is no such CDN"),
        "repository" => ("repo-not-found", "There is no such repository"),
        "entitlement" => ("entitlement-not-found", "There is no such entitlement"),
        _ => ("not-found", "There is no such thing"),
    };
    let detail = format!("There is no {what} {name}.");
    Problem::new(StatusCode::NOT_FOUND, slug, title, detail)
}

fn conflict(slug: &'static str, title: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, slug, title, sentence(detail))
}

/// Whoever could grant refs of another's collection could give away what the other one sells.
fn collection_not_owned(error: &dyn std::error::Error) -> Problem {
    let title = "The collection is not this owner's";
    let detail = format!(
        "{error}. An owner grants only what is in collections of its own repositories. Nothing of it is \
         stored"
    );
    let status = StatusCode::FORBIDDEN;
    Problem::new(status, "collection-not-owned", title, sentence(&detail))
}

/// Each job keeps its upload: an owner's queue is bounded.
fn too_many_jobs(most: u64) -> Problem {
    let title = "Too many imports of this owner wait";
    let detail = format!(
        "{most} imports of this owner are still to be done (jobs.waiting_per_owner). Nothing was \
         changed. Try again when one of them has ended, or cancel one."
    );
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-jobs",
        title,
        detail,
    )
    .header(RETRY_AFTER, HeaderValue::from_static("10"))
}

/// A text as a sentence. File names keep their case.
pub(super) fn sentence(text: &str) -> String {
    let first_word = text.split(' ').next().unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    if first_word.contains(['.', '/']) {
        return format!("{text}{stop}");
    }
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    format!("{}{}{stop}", first.unwrap_or_default(), letters.as_str())
}
