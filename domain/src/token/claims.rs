//! What a token says. One type for all kinds that are read here; unknown claims are ignored.

use serde::{Deserialize, Serialize};

use super::scope::Scope;

/// The claims of a token. The first ten are flat-manager's, as it names and reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// What it is about: `build`, `build/7`, a user, or empty for the management of tokens.
    pub sub: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// What people call it: the parent's name, `/`, and its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its id, by which it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// What may be done with it.
    #[serde(default)]
    pub scope: Vec<Scope>,
    /// App ids and everything below them at a dot; an empty text is all of them.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// App ids, exactly.
    #[serde(default)]
    pub apps: Vec<String>,
    /// Repositories; an empty text is all of them, and an empty list none.
    #[serde(default)]
    pub repos: Vec<String>,
    /// Branches; an empty text or an empty list is all of them.
    #[serde(default)]
    pub branches: Vec<String>,
    /// `app`: a build needs an app's ref.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// From when it counts, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Where it counts; everywhere where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// The only refs that it is for; all where it is left out, none where it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refs: Option<Vec<CollectionRef>>,
    /// The user whom it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The id of the first parent, so that its revocation is its children's, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_jti: Option<String>,
}

/// A ref of a collection, as `OSTree` binds them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectionRef {
    /// The collection's id.
    pub collection_id: String,
    /// The ref, such as `app/org.cool.Game/x86_64/stable`.
    #[serde(rename = "ref")]
    pub name: String,
}

/// The claims that flat-manager reads, all of them and no others: what it does not read would restrict
/// nothing there.
#[derive(Debug, Serialize)]
pub struct FlatManagerClaims<'a> {
    sub: &'a str,
    exp: i64,
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    scope: &'a [Scope],
    prefixes: &'a [String],
    apps: &'a [String],
    repos: &'a [String],
    branches: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'a str>,
}

/// The claims of a ref token. Its lists of apps and repositories would say nothing.
#[derive(Debug, Serialize)]
pub struct RefTokenClaims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    refs: &'a [CollectionRef],
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

impl Claims {
    /// The claims as flat-manager reads them.
    #[must_use]
    pub fn for_flat_manager(&self) -> FlatManagerClaims<'_> {
        FlatManagerClaims {
            sub: &self.sub,
            exp: self.exp,
            name: self.name.as_deref(),
            jti: self.jti.as_deref(),
            scope: &self.scope,
            prefixes: &self.prefixes,
            apps: &self.apps,
            repos: &self.repos,
            branches: &self.branches,
            token_type: self.token_type.as_deref(),
        }
    }

    /// The claims of a ref token.
    #[must_use]
    pub fn for_ref_token(&self) -> RefTokenClaims<'_> {
        RefTokenClaims {
            iss: self.iss.as_deref(),
            sub: &self.sub,
            user: self.user.as_deref(),
            refs: self.refs.as_deref().unwrap_or_default(),
            iat: self.iat,
            nbf: self.nbf,
            exp: self.exp,
            jti: self.jti.as_deref(),
            aud: self.aud.as_deref(),
        }
    }

    /// These claims as a token of their own: `narrow` gave them the parent's id, by which they would be
    /// revoked only together.
    #[must_use]
    pub fn with_own_id(mut self, jti: String) -> Self {
        let parent = self.jti.replace(jti);
        self.root_jti = self.root_jti.or(parent);
        self
    }

    /// Who issued them, now.
    #[must_use]
    pub fn issued(mut self, iss: Option<String>, now: i64) -> Self {
        self.iss = iss;
        self.iat = Some(now);
        self.nbf = Some(now);
        self
    }
}
