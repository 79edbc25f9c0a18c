//! `POST /owners/{owner_key}/exports`: a manifest for an instance downstream.

use std::collections::BTreeSet;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use portolan_domain::ids::{CdnLabel, EntitlementId};
use portolan_storage::Actor;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    auth::Manager,
    export::{ExportOptions, ExportScheme},
    extract::{Json, OwnerPath, Path, parse_cdn_url},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    routes::owners::DisplayName,
    state::AppState,
};

/// What to export, and how. All of it may be left out, and the body with it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewExport {
    /// `cdnUrl` of the manifest. With neither this nor `cdnLabel`, where the owner's content is now.
    cdn_url: Option<String>,
    /// `cdnLabel` of the manifest. Alone, it is what the importer follows.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    cdn_label: Option<CdnLabel>,
    /// The name of the exported consumer; else the owner's name for people.
    name: Option<DisplayName>,
    /// The entitlements to export; else all. An empty list exports none.
    #[schema(value_type = Option<Vec<String>>)]
    entitlement_ids: Option<BTreeSet<EntitlementId>>,
    /// How it is signed; else `legacy`.
    scheme: Option<ExportScheme>,
}

/// A manifest: a zip with `consumer_export.zip` and `signature`.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "read by the document alone")]
pub struct ExportedManifest(Vec<u8>);

/// Exports what an owner has imported, signed by this instance's own CA. It holds private keys.
#[utoipa::path(
    post,
    path = "/owners/{owner_key}/exports",
    operation_id = "create_export",
    tag = "exports",
    params(OwnerPath),
    request_body = Option<NewExport>,
    responses(
        (status = 200, body = ExportedManifest, content_type = "application/zip",
         description = "The manifest.",
         headers(("Content-Disposition" = String, description = "The name of the file."))),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner, it has imported nothing, or it has no such entitlement."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "The archive is larger than what can be signed so."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_export(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
    new: Option<Json<NewExport>>,
) -> Result<Response, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    let new = new.map(|Json(new)| new).unwrap_or_default();
    let options = new.options(&state, caller.by.clone())?;
    let export = state.exporter.export(&owner, options).await?;
    let by = &caller.by;
    let audit = &state.audit;
    audit.key_material_read((by.kind, &by.name), &owner, by.at);
    // An owner's key has no character that a header or a file name would mind.
    let disposition = format!("attachment; filename=\"export-{owner}.zip\"");
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/zip"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(disposition)
                .unwrap_or_else(|_| HeaderValue::from_static("attachment")),
        ),
    ];
    Ok((headers, export.into_body()).into_response())
}

impl NewExport {
    fn options(self, state: &AppState, by: Actor) -> Result<ExportOptions, Problem> {
        let http = state.importer.http_cdn();
        let url = |text: String| parse_cdn_url("The field cdnUrl", &text, http);
        let cdn_url = self.cdn_url.map(url).transpose()?;
        Ok(ExportOptions {
            cdn_url,
            cdn_label: self.cdn_label,
            name: self.name.map(|name| name.as_str().to_owned()),
            only: self.entitlement_ids,
            scheme: self.scheme.unwrap_or_default(),
            by,
        })
    }
}
