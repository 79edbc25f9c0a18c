//! Whether a commit needs a token.

use std::collections::BTreeSet;

use crate::{
    ids::RefName,
    repo::{CommitFacts, RepoSettings, TokenType},
};

/// What a commit of a repository needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need<'a> {
    /// Nothing: it is open.
    Nothing,
    /// A token for one of these refs.
    Token(TokenType, &'a BTreeSet<RefName>),
    /// Nobody told of it, and the repository has commits that need a token.
    Unknown,
}

/// What a commit needs, of which this is known.
#[must_use]
pub fn need<'a>(settings: &RepoSettings, commit: Option<&'a CommitFacts>) -> Need<'a> {
    if !settings.requires_tokens() {
        return Need::Nothing;
    }
    let Some(commit) = commit else {
        return Need::Unknown;
    };
    let kind = commit.token_type.unwrap_or(settings.default_token_type);
    if settings.require_auth_for_token_types.contains(&kind) {
        Need::Token(kind, &commit.refs)
    } else {
        Need::Nothing
    }
}
