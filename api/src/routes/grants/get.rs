//! `GET /owners/{owner_key}/grants/{user}`: what may this user have?

use axum::extract::State;

use super::path::GrantPath;
use crate::{
    auth::IssuerOrAuditor,
    extract::{Json, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::GrantedRefs,
};

/// What an owner grants to a user; an empty list where that is nothing.
///
/// It counts while the collection is in a repository of the owner, and `until` has not come.
#[utoipa::path(
    get,
    path = "/owners/{owner_key}/grants/{user}",
    operation_id = "get_grants",
    tag = "grants",
    params(GrantPath),
    responses(
        (status = 200, body = Vec<GrantedRefs>, description = "What is granted."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        BadRequest, Refused,
    )
)]
pub async fn get_grants(
    IssuerOrAuditor(caller): IssuerOrAuditor,
    State(state): State<AppState>,
    Path(path): Path<GrantPath>,
) -> Result<Json<Vec<GrantedRefs>>, Problem> {
    caller.check_owner(&path.owner_key)?;
    let granted = state.store.grants_of(&path.owner_key, &path.user).await?;
    Ok(Json(GrantedRefs::all(&granted)))
}
