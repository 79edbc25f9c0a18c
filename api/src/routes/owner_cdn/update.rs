//! `PUT /owners/{owner_key}/cdn`.

use axum::extract::{FromRequest, Request, State};
use portolan_domain::ids::CdnLabel;
use portolan_storage::CdnSetting;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::OwnerCdn;
use crate::{
    auth::Manager,
    extract::{Json, OwnerPath, Path, parse_cdn_url},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// Where the owner's content is to be: a URL or a label, one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnerCdnSetting {
    /// The CDN's base URL.
    #[serde(default)]
    cdn_url: Option<String>,
    /// The label of a CDN of the operator or of the owner's manifest. It is followed: changing that
    /// CDN changes the owner's answers.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    cdn_label: Option<CdnLabel>,
}

/// Points an owner elsewhere. It counts over what imports say, before the first and after the last.
#[utoipa::path(
    put,
    path = "/owners/{owner_key}/cdn",
    operation_id = "update_owner_cdn",
    tag = "CDNs",
    params(OwnerPath),
    request_body = OwnerCdnSetting,
    responses(
        (status = 200, body = OwnerCdn, description = "Where it is now."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner, or no CDN of this label."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_owner_cdn(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
    request: Request,
) -> Result<Json<OwnerCdn>, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    let Json(asked) = Json::<OwnerCdnSetting>::from_request(request, &state).await?;
    let setting = match (asked.cdn_url, asked.cdn_label) {
        (Some(url), None) => {
            let http = state.config.import.http_cdn();
            CdnSetting::Url(parse_cdn_url("The field cdnUrl", &url, http)?)
        }
        (None, Some(label)) => CdnSetting::Label(label),
        _ => {
            let detail = "Send cdnUrl or cdnLabel, exactly one of them.";
            return Err(Problem::bad_request(detail));
        }
    };
    let set = state.store.set_owner_cdn(&owner, &setting, &caller.by);
    set.await?;
    Ok(Json(state.store.owner_cdn(&owner).await?.into()))
}
