//! Whether a token is enough for a commit. The token has been verified: its signature holds, it has not
//! ended, and nobody revoked it.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::{
    ids::{CollectionId, RefName, RepoName},
    token::{Claims, CollectionRef, Scope, TokenKind},
};

/// Why a valid token is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotEnough {
    /// It is for something else than content.
    #[error("a token of this kind is not for content")]
    Kind,
    /// It is for another repository: `aud`.
    #[error("its audience (aud) is not this repository")]
    Audience,
    /// It does not allow to download.
    #[error("its scope has no download")]
    Scope,
    /// It is not for this repository: `repos`.
    #[error("its repos do not have this repository")]
    Repo,
    /// None of the commit's refs is among those that it is for.
    #[error("it is for none of the refs that the commit is of")]
    Ref,
}

/// Whether a token is enough for a commit of these refs. One of them is enough.
///
/// # Errors
/// Why it is not.
pub fn check_access(
    (kind, claims): (TokenKind, &Claims),
    (repo, collection): (&RepoName, &CollectionId),
    refs: &BTreeSet<RefName>,
) -> Result<(), NotEnough> {
    // RFC 7519, 4.1.3: who is not meant must refuse it.
    if claims.aud.as_ref().is_some_and(|aud| aud != repo.as_str()) {
        return Err(NotEnough::Audience);
    }
    match kind {
        TokenKind::RefToken => {
            let listed = claims.refs.as_deref().unwrap_or_default();
            let is_listed = |name: &RefName| is_among(listed, collection, name);
            refs.iter()
                .any(is_listed)
                .then_some(())
                .ok_or(NotEnough::Ref)
        }
        TokenKind::Access | TokenKind::FlatManager => {
            check_scope(claims, repo)?;
            let is_covered = |name: &RefName| {
                let listed = claims.refs.as_deref();
                let listed = listed.is_none_or(|listed| is_among(listed, collection, name));
                listed && covers(claims, name)
            };
            refs.iter()
                .any(is_covered)
                .then_some(())
                .ok_or(NotEnough::Ref)
        }
        TokenKind::Registry => Err(NotEnough::Kind),
    }
}

fn check_scope(claims: &Claims, repo: &RepoName) -> Result<(), NotEnough> {
    if !claims.scope.contains(&Scope::Download) {
        return Err(NotEnough::Scope);
    }
    let is_this = |name: &String| name.is_empty() || name == repo.as_str();
    claims
        .repos
        .iter()
        .any(is_this)
        .then_some(())
        .ok_or(NotEnough::Repo)
}

fn is_among(listed: &[CollectionRef], collection: &CollectionId, name: &RefName) -> bool {
    let is_it =
        |one: &CollectionRef| one.collection_id == collection.as_str() && one.name == name.as_str();
    listed.iter().any(is_it)
}

/// Whether prefixes or apps, and branches, are of this ref. Of a ref that is no app's or runtime's only a
/// token for all apps and all branches is.
fn covers(claims: &Claims, name: &RefName) -> bool {
    let (id, branch) = id_and_branch(name).unzip();
    let of_branch = |allowed: &String| allowed.is_empty() || branch == Some(allowed);
    let has_branch = claims.branches.is_empty() || claims.branches.iter().any(of_branch);
    let below = |prefix: &String| prefix.is_empty() || id.is_some_and(|id| is_below(id, prefix));
    let is_app = |app: &String| id == Some(app);
    // Both empty: flat-manager takes that for all apps, an edge for none.
    has_branch && (claims.prefixes.iter().any(below) || claims.apps.iter().any(is_app))
}

/// Of `app/ID/ARCH/BRANCH` and `runtime/ID/ARCH/BRANCH`.
fn id_and_branch(name: &RefName) -> Option<(&str, &str)> {
    let mut parts = name.as_str().split('/');
    let (kind, id, _arch, branch) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_flatpak = matches!(kind, "app" | "runtime") && parts.next().is_none();
    is_flatpak.then_some((id, branch))
}

/// At a dot: `org.example` is not above `org.examples`.
fn is_below(id: &str, prefix: &str) -> bool {
    let rest = id.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
