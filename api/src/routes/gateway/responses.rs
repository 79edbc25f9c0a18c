//! What clients of a registry are refused with, for the document.

use utoipa::IntoResponses;

use crate::problem::RegistryErrors;

/// What every question to the registry may be answered.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by the document alone")]
pub enum RegistryRefused {
    /// The query, or a header of a trusted proxy, is malformed.
    #[response(status = 400)]
    BadRequest(RegistryErrors),
    /// A token is needed: `WWW-Authenticate` says where to get which.
    #[response(status = 401)]
    Unauthorized(RegistryErrors),
    /// Too many wrong passwords came from this address: see `Retry-After`.
    #[response(status = 429)]
    TooMany(RegistryErrors),
    /// The service failed; the log has more under the request's id.
    #[response(status = 500)]
    Internal(RegistryErrors),
    /// The database, or whoever knows the users, does not answer.
    #[response(status = 503)]
    Unavailable(RegistryErrors),
}
