//! OSTree repositories, and the refs that their commits are of.

mod commits;
mod delete;
mod get;
mod list;
mod path;
mod update;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_repos))
        .routes(routes!(
            get::get_repo,
            update::update_repo,
            delete::delete_repo
        ))
        .routes(routes!(commits::update_repo_commits))
}
