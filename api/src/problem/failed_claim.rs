//! A claim for which a parent token was not enough.

use portolan_domain::token::FailedClaim;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A claim for which the parent token is not enough, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailedClaim)]
pub struct FailedClaimBody {
    /// The claim, as the request names it.
    pub claim: String,
    /// Why.
    pub reason: String,
}

/// The member `failed`.
pub fn failed(claims: &[FailedClaim]) -> Value {
    let shown = |failed: &FailedClaim| json!({ "claim": failed.claim, "reason": failed.reason });
    claims.iter().map(shown).collect()
}
