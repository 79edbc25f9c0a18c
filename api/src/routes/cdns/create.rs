//! `POST /cdn`.

use axum::extract::State;
use portolan_domain::ids::CdnLabel;
use serde::{Deserialize, de::IgnoredAny};
use utoipa::ToSchema;

use super::{
    body::{CertificateText, parse_certificate},
    signing::NewSigning,
    view::Cdn,
};
use crate::{
    auth::Admin,
    extract::{Dialect, Json, Shaped, parse_cdn_url},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    routes::owners::DisplayName,
    state::AppState,
};

/// A CDN to be.
#[derive(Debug, Deserialize, ToSchema)]
// With a misspelt certificate proxies would trust another CA than was meant.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCdn {
    /// Its label.
    #[schema(value_type = String, min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    label: CdnLabel,
    /// Its name for people.
    #[serde(default)]
    name: Option<DisplayName>,
    /// Its base URL: `https`, without user, password and fragment.
    url: String,
    /// Its own certificates, PEM: proxies trust these there, and not the CA that signed the manifest.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    certificate: Option<CertificateText>,
    /// How its URLs are signed.
    #[serde(default)]
    signing: Option<NewSigning>,
    /// Taken and not read: Candlepin's clients send it.
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

/// Creates a CDN. Owners whose manifests named its label before follow it from now on.
#[utoipa::path(
    post,
    path = "/cdn",
    operation_id = "create_cdn",
    tag = "CDNs",
    request_body = NewCdn,
    responses(
        (status = 200, body = Cdn, description = "The CDN was created."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "There is a CDN with this label."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_cdn(
    Admin(caller): Admin,
    State(state): State<AppState>,
    dialect: Dialect,
    Json(new): Json<NewCdn>,
) -> Result<Json<Shaped<Cdn>>, Problem> {
    let certificate = new.certificate.as_deref().map(parse_certificate);
    let new = portolan_storage::NewCdn {
        label: new.label,
        name: new.name.map(DisplayName::into),
        url: parse_cdn_url("The field url", &new.url, state.config.import.http_cdn())?,
        certificate: certificate.transpose()?,
        signing: new.signing.map(NewSigning::parse).transpose()?,
    };
    let created = state.store.create_cdn(&new, &caller.by).await?;
    Ok(dialect.json(created.into()))
}
