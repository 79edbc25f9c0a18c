//! The owner and the user in a path.

use portolan_domain::ids::{OwnerKey, UserName};
use serde::Deserialize;
use utoipa::IntoParams;

/// `{owner_key}` and `{user}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct GrantPath {
    /// The owner's key.
    #[param(value_type = String, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    pub owner_key: OwnerKey,
    /// The user, as the authorization server calls him; a `/` in it as `%2F`.
    #[param(value_type = String, min_length = 1, max_length = 255,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    pub user: UserName,
}
