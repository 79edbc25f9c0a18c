//! Refused imports: what was wrong with a manifest, at which stage, in which entry.

use axum::http::StatusCode;
use portolan_domain::{
    archive::OpenError, conflict::Conflict, manifest::ParseError, trust::VerifyError,
};
use portolan_storage::StorageError;
use serde_json::Value;

use super::{Problem, internal, no_disk, sentence};
use crate::import::ImportError;

/// A refused import.
pub struct ImportProblem {
    /// What the client is told.
    pub problem: Problem,
    /// Whether it goes into the owner's import records: what was wrong with the manifest does, what
    /// was wrong here does not.
    pub recorded: bool,
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

/// Conflicts of an import that were not forced.
pub(super) fn conflicting(conflicts: &[Conflict], detail: Option<String>) -> Problem {
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
