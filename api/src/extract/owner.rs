//! The owner in a path.

use portolan_domain::ids::OwnerKey;
use serde::Deserialize;
use utoipa::IntoParams;

/// `{owner_key}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OwnerPath {
    /// The owner's key.
    #[param(value_type = String, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    pub owner_key: OwnerKey,
}
