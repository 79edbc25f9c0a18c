//! `PUT /cdn/{label}`.

use axum::extract::State;
use portolan_domain::ids::CdnLabel;
use portolan_storage::CdnChange;
use serde::{Deserialize, de::IgnoredAny};
use utoipa::ToSchema;

use super::{
    body::{CertificateText, parse_certificate},
    signing::NewSigning,
    view::{Cdn, CdnPath},
};
use crate::{
    auth::Admin,
    extract::{Dialect, Json, Path, Shaped, given, parse_cdn_url},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    routes::owners::DisplayName,
    state::AppState,
};

/// What is to change of a CDN. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
// A misspelt certificate would leave the old one in place without a word.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    clippy::option_option,
    reason = "left out, null, or something: kept, removed, or replaced"
)]
pub struct ChangedCdn {
    /// Its label, which stays: where it is here, it must be the path's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    label: Option<CdnLabel>,
    /// Its name for people; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DisplayName>)]
    name: Option<Option<DisplayName>>,
    /// Its base URL.
    #[serde(default)]
    url: Option<String>,
    /// Its own certificates, PEM; null removes them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    certificate: Option<Option<CertificateText>>,
    /// How its URLs are signed; null removes the key and what is allowed.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<NewSigning>)]
    signing: Option<Option<NewSigning>>,
    /// Taken and not read: it is in what `GET` answers.
    #[serde(default)]
    #[schema(value_type = Value, required = false)]
    #[expect(dead_code, reason = "see above")]
    id: Option<IgnoredAny>,
    /// Taken and not read, likewise.
    #[serde(default)]
    #[schema(value_type = Value, required = false)]
    #[expect(dead_code, reason = "see above")]
    created: Option<IgnoredAny>,
    /// Taken and not read, likewise.
    #[serde(default)]
    #[schema(value_type = Value, required = false)]
    #[expect(dead_code, reason = "see above")]
    updated: Option<IgnoredAny>,
}

/// Changes a CDN, and with it the answers of every owner that follows it.
#[utoipa::path(
    put,
    path = "/cdn/{label}",
    operation_id = "update_cdn",
    tag = "CDNs",
    params(CdnPath),
    request_body = ChangedCdn,
    responses(
        (status = 200, body = Cdn, description = "The CDN was changed."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such CDN."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_cdn(
    Admin(caller): Admin,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<CdnPath>,
    Json(change): Json<ChangedCdn>,
) -> Result<Json<Shaped<Cdn>>, Problem> {
    if change.label.as_ref().is_some_and(|l| *l != path.label) {
        let detail = "A CDN's label stays. Create another CDN, and delete this one.";
        return Err(Problem::bad_request(detail));
    }
    let http = state.config.import.http_cdn();
    let url = change
        .url
        .map(|url| parse_cdn_url("The field url", &url, http));
    let certificate = change.certificate.map(|certificate| {
        let certificate = certificate.as_deref().map(parse_certificate);
        certificate.transpose()
    });
    let signing = change
        .signing
        .map(|signing| signing.map(NewSigning::parse).transpose());
    let change = CdnChange {
        name: change.name.map(|name| name.map(DisplayName::into)),
        url: url.transpose()?,
        certificate: certificate.transpose()?,
        signing: signing.transpose()?,
    };
    let changed = state.store.update_cdn(&path.label, &change, &caller.by);
    let changed = changed.await?;
    Ok(dialect.json(changed.into()))
}
