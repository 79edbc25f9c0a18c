//! `PUT /owners/{owner_key}/entitlements/{entitlement_id}`.

use axum::extract::{FromRequest, Request, State};
use portolan_domain::{
    ids::{EntitlementId, OwnerKey, PoolId},
    registration::{Registration, Source},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::Manager,
    extract::{Json, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
    view::Entitlement,
};

/// `{owner_key}` and `{entitlement_id}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RegistrationPath {
    /// The owner's key.
    #[param(value_type = String, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    owner_key: OwnerKey,
    /// The id that the local subscription system gave its entitlement.
    #[param(value_type = String, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    entitlement_id: EntitlementId,
}

/// Where a downstream entitlement comes from: one of these, or none for the owner as a whole.
#[derive(Debug, Deserialize, ToSchema)]
// A misspelt poolId would register the entitlement for the owner as a whole.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntitlementSource {
    /// One of the owner's pools.
    #[schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    pool_id: Option<PoolId>,
    /// One of the owner's upstream entitlements; once it is renewed, its pool.
    #[schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    upstream_entitlement_id: Option<EntitlementId>,
}

/// Registers a downstream entitlement: says where it comes from. The same again changes nothing.
#[utoipa::path(
    put,
    path = "/owners/{owner_key}/entitlements/{entitlement_id}",
    operation_id = "update_entitlement",
    tag = "entitlements",
    params(RegistrationPath),
    request_body = EntitlementSource,
    responses(
        (status = 200, body = Entitlement, description = "It is registered."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner, pool or upstream entitlement."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "The id is another owner's, or an upstream entitlement's."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_entitlement(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<RegistrationPath>,
    request: Request,
) -> Result<Json<Entitlement>, Problem> {
    // Before the body: who may not call is not told what is wrong with it.
    caller.check_owner(&path.owner_key)?;
    let Json(body) = Json::<EntitlementSource>::from_request(request, &state).await?;
    let source = Source::of(body.pool_id, body.upstream_entitlement_id);
    let registration = Registration {
        id: path.entitlement_id,
        source: source.map_err(|why| Problem::bad_request(format!("In the body, {why}.")))?,
    };
    let owner = path.owner_key;
    let stored = state
        .store
        .register_entitlement(&owner, &registration, &caller.by)
        .await?;
    Ok(Json(Entitlement::of(stored, state.clock.now())))
}
