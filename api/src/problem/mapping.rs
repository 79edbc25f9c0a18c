//! The one place where errors of the layers below become HTTP. Every variant is decided here.

mod ref_tokens;
mod tokens;

use axum::http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use portolan_domain::{
    archive::OpenError, build::BuildError, conflict::Conflict, manifest::ParseError,
    trust::VerifyError,
};
use portolan_storage::{LineRefusal, StorageError};
use serde_json::Value;

use super::{
    Problem,
    failures::{internal, no_disk, unavailable, uncertain},
};
use crate::{batch::BatchError, export::ExportError, import::ImportError};

pub use tokens::{invalid_token, token_insufficient};

/// A refused import.
pub struct ImportProblem {
    /// What the client is told.
    pub problem: Problem,
    /// Whether it goes into the owner's import records: what was wrong with the manifest does, what
    /// was wrong here does not.
    pub recorded: bool,
}

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

impl From<ImportError> for ImportProblem {
    fn from(error: ImportError) -> Self {
        let recorded = |problem| Self {
            problem,
            recorded: true,
        };
        let unrecorded = |problem| Self {
            problem,
            recorded: false,
        };
        match error {
            ImportError::Open(OpenError::Refused(error)) => recorded(archive(
                "archive",
                error.entry.as_deref(),
                &error.to_string(),
            )),
            ImportError::Verify(VerifyError::Refused(refusal)) => {
                let detail = refusal.to_string();
                recorded(conflicting(&[refusal.conflict], Some(detail)).with("stage", "signature"))
            }
            ImportError::Verify(VerifyError::Open(OpenError::Refused(error))) => recorded(archive(
                "signature",
                error.entry.as_deref(),
                &error.to_string(),
            )),
            ImportError::Parse(ParseError::Content(error)) => recorded(content(
                error.entry.as_deref(),
                format!("The manifest's content is not right: {error}."),
            )),
            ImportError::Parse(ParseError::Open(OpenError::Refused(error))) => recorded(archive(
                "content",
                error.entry.as_deref(),
                &error.to_string(),
            )),
            ImportError::Open(OpenError::Disk(error))
            | ImportError::Verify(VerifyError::Open(OpenError::Disk(error)))
            | ImportError::Parse(ParseError::Open(OpenError::Disk(error)))
            | ImportError::Disk(error) => unrecorded(no_disk(&error)),
            ImportError::Store(error) => {
                let is_refusal = matches!(
                    error,
                    StorageError::Conflicts(_)
                        | StorageError::UpstreamConsumerInUse(_)
                        | StorageError::EntitlementIdInUse(_)
                );
                let problem = Problem::from(error).with("stage", "store");
                Self {
                    problem,
                    recorded: is_refusal,
                }
            }
            ImportError::Interrupted => unrecorded(internal(&error)),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        ImportProblem::from(error).problem
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

/// Conflicts of an import that were not forced.
fn conflicting(conflicts: &[Conflict], detail: Option<String>) -> Problem {
    let names: Vec<&str> = conflicts.iter().map(|conflict| conflict.as_str()).collect();
    let detail = detail.unwrap_or_else(|| {
        let reasons: Vec<&str> = conflicts.iter().map(|conflict| reason(*conflict)).collect();
        let (reasons, forces) = (reasons.join(". "), names.join(", "));
        format!("{reasons}. Nothing was changed. To import it all the same, force {forces}.")
    });
    let title = "The manifest conflicts with what is here";
    Problem::new(StatusCode::CONFLICT, "manifest-conflict", title, detail).with("conflicts", names)
}

fn reason(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::SignatureConflict => "No upstream CA verifies the signature",
        Conflict::UntrustedSigningCertificate => "The signing certificate is not trusted",
        Conflict::ManifestOld => "The manifest was made before the one that the owner has",
        Conflict::ManifestSame => {
            "The manifest was made in the same second as the one that the owner has"
        }
        Conflict::DistributorConflict => {
            "The manifest is of another upstream consumer than the owner's"
        }
    }
}

fn archive(stage: &str, entry: Option<&str>, detail: &str) -> Problem {
    let title = "The upload is no manifest archive";
    Problem::new(
        StatusCode::BAD_REQUEST,
        "manifest-archive-invalid",
        title,
        sentence(detail),
    )
    .with("stage", stage)
    .with("entry", entry.map_or(Value::Null, Value::from))
}

fn content(entry: Option<&str>, detail: String) -> Problem {
    let title = "The manifest's content is not right";
    Problem::new(
        StatusCode::BAD_REQUEST,
        "manifest-content-invalid",
        title,
        detail,
    )
    .with("stage", "content")
    .with("entry", entry.map_or(Value::Null, Value::from))
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
