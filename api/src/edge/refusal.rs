//! What an edge is told where it must not hand out a file. No cache keeps that: the next sync may change it.

use axum::http::{HeaderValue, StatusCode, header};
use portolan_domain::edge::Resource;

use super::cache::Found;
use crate::{problem::Problem, state::AppState};

/// What this URI is of.
///
/// # Errors
/// 400 where two programs could read it in two ways.
pub fn read_uri(uri: &str) -> Result<Resource, Problem> {
    Resource::of_uri(uri).map_err(|why| {
        let detail = format!("The URI is refused: {why}.");
        refused(
            StatusCode::BAD_REQUEST,
            "edge-uri-invalid",
            "The URI is refused",
            detail,
        )
    })
}

/// A refusal that no cache keeps.
#[must_use]
pub fn refused(
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: impl Into<String>,
) -> Problem {
    let keep = HeaderValue::from_static("no-store");
    Problem::new(status, slug, title, detail).header(header::CACHE_CONTROL, keep)
}

/// 403: nobody told of the repository, or of the commit. What is new upstream and was not synced yet is
/// seen in the figures.
#[must_use]
pub fn unknown(found: &Found, state: &AppState) -> Problem {
    let status = StatusCode::FORBIDDEN;
    // The client of an edge asked for it, and nobody with a credential here did wrong.
    let Some(repo) = &found.repo else {
        let detail = "There is no repository here of the name that stands before objects/ or deltas/. \
                      Make it known: PUT /repos/{repo}.";
        let title = "The repository is not known";
        return refused(status, "edge-repo-unknown", title, detail).recorded();
    };
    state.metrics.undecided(&repo.name);
    let name = &repo.name;
    let detail = format!(
        "Nobody told of this commit of the repository {name}, some of whose commits need a token. Sync \
         it: PUT /repos/{name}/commits, or portolan repo scan."
    );
    let title = "The commit is not known";
    refused(status, "edge-commit-unknown", title, detail).recorded()
}
