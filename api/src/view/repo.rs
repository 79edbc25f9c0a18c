//! A repository as it goes out.

use portolan_domain::repo::TokenType;
use serde::Serialize;
use utoipa::ToSchema;

use super::times::Timestamp;

/// An OSTree repository.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Repo {
    /// Its name: the segment before `objects/` or `deltas/` in its URLs.
    pub name: String,
    /// Whose it is.
    pub owner_key: String,
    /// The collection whose refs it has.
    pub collection_id: String,
    /// Commits of these token types need a token.
    pub require_auth_for_token_types: Vec<i32>,
    /// The token type of a commit that says none.
    pub default_token_type: i32,
    /// When it was made known.
    pub created: Timestamp,
    /// When it was changed last, or its commits.
    pub updated: Timestamp,
}

impl From<portolan_storage::Repo> for Repo {
    fn from(repo: portolan_storage::Repo) -> Self {
        let settings = repo.settings;
        let required = settings.require_auth_for_token_types.into_iter();
        Self {
            name: repo.name.to_string(),
            owner_key: repo.owner.to_string(),
            collection_id: settings.collection.to_string(),
            require_auth_for_token_types: required.map(TokenType::get).collect(),
            default_token_type: settings.default_token_type.get(),
            created: Timestamp(repo.created_at),
            updated: Timestamp(repo.updated_at),
        }
    }
}
