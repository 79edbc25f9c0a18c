//! `GET /revocations`: what edges and peers take, so that nobody needs a call per request.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use portolan_domain::{
    digest::Sha256Digest,
    token::{RevocationSet, RevokedHolder, RevokedId},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{Instant, Json, Query, given},
    problem::{BadRequest, Problem, ProblemBody, internal},
    routes::etag,
    state::AppState,
    view::Timestamp,
};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_revocations))
}

/// Which revocations are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RevocationsQuery {
    /// Those that came to be known since this instant (RFC 3339), which is `now` of the answer before.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Instant>,
}

/// What is revoked, each entry until it no longer matters. A token is revoked where any of them hits it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Revocations)]
pub struct RevocationsView {
    /// Tokens whose `jti` or `root_jti` is one of these.
    jtis: Vec<RevokedJti>,
    /// Tokens with one of these subjects, where they were issued (`iat`) at `before` or earlier, or do not
    /// say when.
    subs: Vec<RevokedSub>,
    /// Tokens of one of these users (the claim `user`), likewise.
    users: Vec<RevokedUser>,
    /// All tokens that were issued earlier than this, or do not say when; null where there is no such
    /// instant.
    issued_before: Option<Timestamp>,
    /// Up to when this is complete: `since` of the next question.
    now: Timestamp,
}

/// A revoked id.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedJti {
    /// The id.
    jti: String,
    /// From when on it matters no more, in seconds since 1970; null where nobody knows.
    exp: Option<i64>,
}

/// A revoked subject.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedSub {
    /// The subject, exactly.
    sub: String,
    /// When it was revoked.
    before: Timestamp,
}

/// A revoked user.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedUser {
    /// The user, exactly.
    user: String,
    /// When they were revoked.
    before: Timestamp,
}

/// Which tokens are revoked. With `since`, entries that were known before may be repeated, where several
/// nodes answer; `issuedBefore` always is.
#[utoipa::path(
    get,
    path = "/revocations",
    operation_id = "get_revocations",
    tag = "tokens",
    security(()),
    params(
        RevocationsQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer at hand."),
    ),
    responses(
        (status = 200, body = RevocationsView, description = "What is revoked.",
         headers(("ETag" = String, description = "The entity tag of all but `now`."))),
        (status = 304, description = "But for `now`, the answer at hand is right."),
        (status = 500, body = ProblemBody, content_type = "application/problem+json",
         description = "The service failed; the log has more under the request's id."),
        (status = 503, body = ProblemBody, content_type = "application/problem+json",
         description = "What is revoked is not known yet; try again."),
        BadRequest,
    )
)]
async fn get_revocations(
    State(state): State<AppState>,
    Query(query): Query<RevocationsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revocations = state.tokens.revocations();
    revocations.be_read().await?;
    let since = query.since.as_ref().map(Instant::get);
    let view = revocations.look(since, RevocationsView::of);
    let tag = view.tag()?;
    let mut response = if etag::is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(view).into_response()
    };
    let answered = response.headers_mut();
    // Weak, since `now` is another one in each answer (RFC 9110, section 8.8.1).
    if let Ok(tag) = HeaderValue::from_str(&format!("W/{tag}")) {
        answered.insert(header::ETAG, tag);
    }
    let keep = HeaderValue::from_static("public, max-age=1");
    answered.insert(header::CACHE_CONTROL, keep);
    Ok(response)
}

impl RevocationsView {
    fn of(set: &RevocationSet, now: OffsetDateTime, since: Option<OffsetDateTime>) -> Self {
        Self {
            jtis: set
                .jtis(since, now)
                .into_iter()
                .map(RevokedJti::from)
                .collect(),
            subs: set.subs(since).into_iter().map(RevokedSub::from).collect(),
            users: set
                .users(since)
                .into_iter()
                .map(RevokedUser::from)
                .collect(),
            issued_before: set.issued_before().map(Timestamp),
            now: Timestamp(now),
        }
    }

    /// The entity tag of all but `now`.
    fn tag(&self) -> Result<String, Problem> {
        let all = (&self.jtis, &self.subs, &self.users, &self.issued_before);
        let json = serde_json::to_vec(&all).map_err(|error| internal(&error))?;
        Ok(format!("\"{}\"", Sha256Digest::of(&json)))
    }
}

impl From<(&str, RevokedId)> for RevokedJti {
    fn from((jti, id): (&str, RevokedId)) -> Self {
        Self {
            jti: jti.to_owned(),
            exp: id.expires_at.map(OffsetDateTime::unix_timestamp),
        }
    }
}

impl From<(&str, RevokedHolder)> for RevokedSub {
    fn from((sub, holder): (&str, RevokedHolder)) -> Self {
        Self {
            sub: sub.to_owned(),
            before: Timestamp(holder.before),
        }
    }
}

impl From<(&str, RevokedHolder)> for RevokedUser {
    fn from((user, holder): (&str, RevokedHolder)) -> Self {
        Self {
            user: user.to_owned(),
            before: Timestamp(holder.before),
        }
    }
}
