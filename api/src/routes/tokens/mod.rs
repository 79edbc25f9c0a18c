//! Tokens: children of a token, which tokens are known, and their revocation; at flat-manager's paths, too.

mod flat_manager_list;
mod flat_manager_revoke;
mod list;
mod revoke;
mod subset;

pub use self::subset::{TokenSubset, made};

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(subset::create_token_subset))
        .routes(routes!(subset::create_flat_manager_token_subset))
        .routes(routes!(list::list_tokens))
        .routes(routes!(revoke::create_revocation))
        .routes(routes!(flat_manager_list::list_flat_manager_tokens))
        .routes(routes!(flat_manager_revoke::create_flat_manager_revocation))
}
