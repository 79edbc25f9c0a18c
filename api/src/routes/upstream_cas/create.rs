//! `POST /upstream_cas`.

use std::collections::BTreeSet;

use axum::{extract::State, http::StatusCode};
use portolan_domain::{
    ids::{CaFilename, OwnerKey},
    trust::{Anchor, AnchorSettings, AnchorSource, certificates_pem},
};
use portolan_storage::{StorageError, StoredCa};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{UpstreamCa, unknown};
use crate::{
    auth::Admin,
    extract::Json,
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// A CA to trust.
#[derive(Debug, Deserialize, ToSchema)]
// A misspelt requireScheme or owners would make the anchor stronger than was meant.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUpstreamCa {
    /// Its file name: what import records will show.
    #[schema(value_type = String, min_length = 1, max_length = 255, pattern = r"^[^./\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*$")]
    filename: CaFilename,
    /// One or more certificates, PEM.
    pem: String,
    /// It verifies only archives with `scheme.json`: no way down from ML-DSA to RSA.
    #[serde(default)]
    require_scheme: bool,
    /// The owners whose manifests it verifies; left out or null: all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    owners: Option<BTreeSet<OwnerKey>>,
}

/// Adds an upstream CA: from now on it verifies manifests.
#[utoipa::path(
    post,
    path = "/upstream_cas",
    operation_id = "create_upstream_ca",
    tag = "upstream CAs",
    request_body = NewUpstreamCa,
    responses(
        (status = 201, body = UpstreamCa, description = "The CA was added."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "There is a CA or a file with this name."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_upstream_ca(
    Admin(caller): Admin,
    State(state): State<AppState>,
    Json(new): Json<NewUpstreamCa>,
) -> Result<(StatusCode, Json<UpstreamCa>), Problem> {
    let settings = AnchorSettings {
        require_scheme: new.require_scheme,
        owners: new.owners,
    };
    let (source, pem) = (AnchorSource::Database, new.pem.as_bytes());
    let invalid = |why: String| {
        let title = "The certificate cannot be used";
        Problem::new(StatusCode::BAD_REQUEST, "ca-invalid", title, why)
    };
    let anchors = Anchor::from_file(&new.filename, source, pem, &settings)
        .map_err(|fault| invalid(format!("{fault}.")))?;
    let pem = certificates_pem(&anchors).map_err(|error| invalid(format!("The file {error}.")))?;
    // A stored CA must not take a file's name: records would point at either.
    state.anchors.reload().await?;
    if state
        .anchors
        .current()
        .iter()
        .any(|anchor| anchor.filename == new.filename)
    {
        let (what, name) = ("upstream CA", new.filename.to_string());
        return Err(StorageError::Taken { what, name }.into());
    }
    let ca = StoredCa {
        filename: new.filename,
        pem,
        settings,
    };
    state.store.add_upstream_ca(&ca, &caller.by).await?;
    state.anchors.reload().await?;
    let anchors = state.anchors.current();
    let added = UpstreamCa::find(&state, &anchors, &ca.filename).await?;
    let added = added.ok_or_else(|| unknown(&ca.filename))?;
    Ok((StatusCode::CREATED, Json(added)))
}
