//! `POST /v2/token`: the OAuth form, as docker sends it with a refresh token.

use axum::{
    extract::{FromRequest, Request, State},
    http::{StatusCode, request::Parts},
};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{Answered, Holder, RegistryTokenAnswer, credentials::credentials, give, refused};
use crate::{
    auth::address_of,
    extract::ScopedForm,
    problem::{Problem, RegistryErrors},
    routes::gateway::responses::RegistryRefused,
    state::AppState,
};

/// What is asked for, and for whom.
#[derive(Deserialize, ToSchema)]
pub struct TokenForm {
    /// `password` or `refresh_token`.
    grant_type: String,
    /// The scopes, with spaces between them or each by itself: `repository:a/b:pull`.
    #[serde(default)]
    #[schema(required = false)]
    scope: Vec<String>,
    /// Of `password`: the user's name.
    #[schema(required = false)]
    username: Option<String>,
    /// Of `password`: the password.
    #[schema(required = false, value_type = Option<String>)]
    password: Option<Zeroizing<String>>,
    /// Of `refresh_token`: the refresh token.
    #[schema(required = false, value_type = Option<String>)]
    refresh_token: Option<Zeroizing<String>>,
    /// `offline`: a refresh token, too.
    #[serde(default)]
    #[schema(required = false)]
    access_type: String,
}

/// A token for a user who shows a password or a refresh token. What may not be had is left out, and is no error.
#[utoipa::path(
    post,
    path = "/v2/token",
    operation_id = "create_registry_token",
    tag = "container gateway",
    security(()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = RegistryTokenAnswer, description = "The token."),
        (status = 408, body = RegistryErrors, description = "The form came too slowly."),
        (status = 413, body = RegistryErrors, description = "The form is too large."),
        (status = 415, body = RegistryErrors, description = "The body is no form."),
        RegistryRefused,
    )
)]
pub async fn create_registry_token(
    State(state): State<AppState>,
    request: Request,
) -> Result<Answered, Problem> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let ScopedForm(form) = ScopedForm::<TokenForm>::from_request(request, &state).await?;
    let holder = holder(&form, &parts, &state).await;
    let holder = holder.map_err(|problem| refused(problem, &parts, &state))?;
    give(holder, &form.scope, &state).await
}

async fn holder(form: &TokenForm, parts: &Parts, state: &AppState) -> Result<Holder, Problem> {
    let (logins, address) = (&state.gateway.logins, address_of(parts, state));
    let login = match (
        &*form.grant_type,
        &form.username,
        &form.password,
        &form.refresh_token,
    ) {
        ("password", Some(name), Some(password), _) => {
            let offline = form.access_type == "offline";
            logins
                .log_in(&credentials(name, password)?, offline, address)
                .await?
        }
        ("refresh_token", _, _, Some(token)) => logins.refresh(token, address).await?,
        ("password" | "refresh_token", ..) => {
            return Err(malformed(
                "The form lacks username, password or refresh_token.",
            ));
        }
        _ => return Err(malformed("grant_type must be password or refresh_token.")),
    };
    Ok(Holder::User(login))
}

fn malformed(detail: &str) -> Problem {
    let title = "The form is malformed";
    Problem::new(StatusCode::BAD_REQUEST, "bad-request", title, detail)
}
