//! `GET /.well-known/oauth-authorization-server`: what OAuth's clients find here (RFC 8414).

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header},
};
use portolan_domain::token::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{extract::Json, state::AppState};

/// The metadata of this authorization server.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthorizationServer {
    /// What tokens name as their issuer.
    issuer: String,
    /// Where the public keys are that verify them.
    jwks_uri: String,
    /// Where to ask whether a token counts (RFC 7662).
    introspection_endpoint: String,
    /// How to say there who asks.
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Where a token is revoked (RFC 7009).
    revocation_endpoint: String,
    /// How to say there who asks: the token is enough.
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// None: nobody logs in here. The standard wants it all the same.
    response_types_supported: Vec<&'static str>,
    /// None. Left out, it would mean the two for which somebody logs in.
    grant_types_supported: Vec<&'static str>,
    /// What tokens may allow.
    scopes_supported: Vec<String>,
    /// Where to read about it.
    service_documentation: String,
}

/// Where OAuth's clients find what, at `http.public_url`.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "get_authorization_server",
    tag = "tokens",
    security(()),
    responses((status = 200, body = AuthorizationServer, description = "The metadata."))
)]
pub async fn get_authorization_server(
    State(state): State<AppState>,
) -> ([(HeaderName, HeaderValue); 1], Json<AuthorizationServer>) {
    let public = state.config.http.public_url.as_ref();
    let issuer = state.tokens.issuer().to_owned();
    let base = public.map_or(issuer.trim_end_matches('/'), |url| url.as_str());
    let at = |path: &str| format!("{base}{path}");
    let server = AuthorizationServer {
        jwks_uri: at("/.well-known/jwks.json"),
        introspection_endpoint: at("/introspect"),
        introspection_endpoint_auth_methods_supported: vec!["Bearer", "tls_client_auth"],
        revocation_endpoint: at("/revoke"),
        revocation_endpoint_auth_methods_supported: vec!["none"],
        response_types_supported: Vec::new(),
        grant_types_supported: Vec::new(),
        scopes_supported: Scope::KNOWN.iter().map(ToString::to_string).collect(),
        service_documentation: at("/docs"),
        issuer,
    };
    let keep = HeaderValue::from_static("public, max-age=300");
    ([(header::CACHE_CONTROL, keep)], Json(server))
}
