//! `POST /introspect`: whether a token counts, and what it says (RFC 7662).

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header},
};
use portolan_domain::token::{Claims, CollectionRef, Scope, TokenKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    auth::Introspector,
    extract::{Form, Json},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
    tokens::InvalidToken,
};

/// Which token is asked about.
#[derive(Deserialize, ToSchema)]
pub struct IntrospectToken {
    /// The token.
    #[schema(min_length = 1)]
    token: String,
    /// What kind of token it is; it is found without.
    #[serde(rename = "token_type_hint")]
    #[schema(required = false)]
    _hint: Option<String>,
}

/// What a token says. Of one that does not count, `active` alone.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(default)]
pub struct Introspection {
    /// Whether it counts now: it was signed here, has not ended, and was not revoked.
    active: bool,
    /// What may be done with it, a blank between words.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The user whom it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<String>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// From when it counts, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// Where it counts; everywhere where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// The first parent's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    root_jti: Option<String>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What it is for: `access`, `flat-manager`, `ref-token` or `registry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// Prefixes of app ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefixes: Option<Vec<String>>,
    /// App ids, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    apps: Option<Vec<String>>,
    /// Repositories.
    #[serde(skip_serializing_if = "Option::is_none")]
    repos: Option<Vec<String>>,
    /// Branches.
    #[serde(skip_serializing_if = "Option::is_none")]
    branches: Option<Vec<String>>,
    /// The only refs that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    refs: Option<Vec<IntrospectedRef>>,
}

/// A ref of a collection.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntrospectedRef {
    /// The collection's id.
    collection_id: String,
    /// The ref.
    #[serde(rename = "ref")]
    name: String,
}

/// An answer that no cache may keep: the next one may be another.
type Unkept<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

/// Whether a token counts, and what it says. Of one that is unknown, has ended or was revoked nothing is
/// told, nor why (RFC 7662, section 2.2).
#[utoipa::path(
    post,
    path = "/introspect",
    operation_id = "create_introspection",
    tag = "tokens",
    request_body(content = IntrospectToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = Introspection, description = "What it says."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is no form."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_introspection(
    _asking: Introspector,
    State(state): State<AppState>,
    Form(asked): Form<IntrospectToken>,
) -> Result<Unkept<Introspection>, Problem> {
    let said = match state.tokens.verify(&asked.token, &TokenKind::ALL).await {
        Ok(verified) => Introspection::of(verified.kind, verified.claims),
        // That it cannot be known is not that it does not count.
        Err(error @ InvalidToken::Unavailable(_)) => return Err(error.into()),
        Err(_) => Introspection::default(),
    };
    let unkept = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([unkept], Json(said)))
}

impl Introspection {
    fn of(kind: TokenKind, claims: Claims) -> Self {
        let scope: Vec<&str> = claims.scope.iter().map(Scope::as_str).collect();
        let refs = claims
            .refs
            .map(|refs| refs.into_iter().map(IntrospectedRef::from).collect());
        // A ref token has none of these: said as empty they would seem to limit it.
        let list = |list: Vec<String>| (kind != TokenKind::RefToken).then_some(list);
        Self {
            active: true,
            scope: (kind != TokenKind::RefToken).then(|| scope.join(" ")),
            username: claims.user,
            token_type: Some("Bearer".to_owned()),
            exp: Some(claims.exp),
            iat: claims.iat,
            nbf: claims.nbf,
            sub: Some(claims.sub),
            aud: claims.aud,
            iss: claims.iss,
            jti: claims.jti,
            root_jti: claims.root_jti,
            name: claims.name,
            purpose: Some(kind.as_str().to_owned()),
            prefixes: list(claims.prefixes),
            apps: list(claims.apps),
            repos: list(claims.repos),
            branches: list(claims.branches),
            refs,
        }
    }
}

impl From<CollectionRef> for IntrospectedRef {
    fn from(one: CollectionRef) -> Self {
        Self {
            collection_id: one.collection_id,
            name: one.name,
        }
    }
}
