//! Tokens for clients of a registry (distribution's token authentication specification, and its OAuth form).

pub mod credentials;
pub mod get;
pub mod post;

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use portolan_domain::gateway::{Scope, Subject, granted};
use portolan_storage::TokenPurpose;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::{
    config::TokenFormat,
    extract::Json,
    gateway::{ANONYMOUS, Given, Login, OpaqueTokens, Origin, Token},
    problem::Problem,
    state::AppState,
};

/// A token for a registry.
#[derive(Serialize, ToSchema)]
pub struct RegistryTokenAnswer {
    /// The token.
    #[schema(value_type = String)]
    token: Zeroizing<String>,
    /// The token again, as OAuth calls it.
    #[schema(value_type = String)]
    access_token: Zeroizing<String>,
    /// For how many seconds it counts from now on.
    #[schema(minimum = 1)]
    expires_in: i64,
    /// Now.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    issued_at: OffsetDateTime,
    /// What gets another token, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Option<String>)]
    refresh_token: Option<Zeroizing<String>>,
}

type Answered = (HeaderMap, Json<RegistryTokenAnswer>);

/// What was given this long ago is new: a second that has just begun counts as a whole one.
const ALMOST: time::Duration = time::Duration::milliseconds(999);

/// Whoever asks for a token, and what he showed for it.
enum Holder {
    /// A user who logged in.
    User(Login),
    /// A host that showed its certificate, or nobody.
    Other(Subject),
}

/// A token for this holder: one that stands for him, or one that says what of these scopes he may do.
async fn give(holder: Holder, scopes: &[String], state: &AppState) -> Result<Answered, Problem> {
    let now = state.clock.now();
    let (subject, login) = match holder {
        Holder::User(login) => (login.subject.clone(), Some(login)),
        Holder::Other(subject) => (subject, None),
    };
    let refresh = login.as_ref().and_then(|login| login.refresh.clone());
    let ours = now + state.config.gateway.token_lifetime();
    let (secret, expires_at) = match state.config.gateway.token_format {
        TokenFormat::Jwt => {
            let directory = state.gateway.directories.current().await?;
            let scopes = scopes.iter().flat_map(|scopes| Scope::read(scopes));
            let access = granted(scopes, &directory, &subject);
            let until = login.map_or(ours, |login| login.token.expires_at.min(ours));
            let token = state
                .gateway
                .registry
                .sign(&subject, access, (now, until))
                .await?;
            (Zeroizing::new(token), until)
        }
        TokenFormat::Opaque => {
            let token = match (login.map(|login| login.token), &subject) {
                (_, Subject::Anybody) => Arc::new(Token {
                    secret: Zeroizing::new(ANONYMOUS.to_owned()),
                    expires_at: ours,
                }),
                (Some(token), _) => token,
                (None, host) => Arc::new(for_host(host, ours, state).await?),
            };
            (token.secret.clone(), token.expires_at)
        }
    };
    let answer = RegistryTokenAnswer {
        access_token: secret.clone(),
        token: secret,
        expires_in: (expires_at - now + ALMOST).whole_seconds().max(1),
        issued_at: now,
        refresh_token: refresh,
    };
    let no_store = HeaderValue::from_static("no-store");
    let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, no_store)]);
    Ok((headers, Json(answer)))
}

async fn for_host(
    host: &Subject,
    expires_at: OffsetDateTime,
    state: &AppState,
) -> Result<Token, Problem> {
    let secret = OpaqueTokens::generate()?;
    let given = Given {
        token: &secret,
        purpose: TokenPurpose::Access,
        expires_at,
    };
    state.gateway.opaque.remember(host, &[given], None).await?;
    Ok(Token { secret, expires_at })
}

/// 401 says how to do better (RFC 9110, section 15.5.2).
pub fn refused(problem: Problem, parts: &Parts, state: &AppState) -> Problem {
    if problem.status() != 401 {
        return problem;
    }
    state
        .audit
        .credential_failed(crate::auth::address_of(parts, state));
    let service = Origin::of(parts, state).service;
    let challenge = HeaderValue::from_str(&format!("Basic realm=\"{service}\""));
    match challenge {
        Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}
