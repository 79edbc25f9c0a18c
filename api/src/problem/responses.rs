//! Refusals for the OpenAPI document: every operation names those that it can answer.

use utoipa::IntoResponses;

use super::ProblemBody;

/// What every operation with a credential may answer.
#[derive(IntoResponses)]
pub enum Refused {
    /// There is no valid credential.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemBody),
    /// The credential's role does not allow this, or the object is another owner's.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// Too many wrong credentials came from this address, or the credential asks for too much: see
    /// `Retry-After`.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemBody),
    /// The service failed; the log has more under the request's id.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody),
    /// The database does not answer; try again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// What every operation that carries its own token may answer.
#[derive(IntoResponses)]
pub enum TokenRefused {
    /// There is no token, or it does not count: `invalid-token`.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemBody),
    /// The token is not enough: `token-insufficient`, where `failed` names each claim, and why.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// The service failed; the log has more under the request's id.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody),
    /// The token's key, or which tokens were revoked, cannot be known at the moment; try again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

#[derive(IntoResponses)]
#[response(status = 400, content_type = "application/problem+json")]
#[expect(dead_code, reason = "read by the document alone")]
/// The request is malformed.
pub struct BadRequest(ProblemBody);

#[derive(IntoResponses)]
#[response(status = 408, content_type = "application/problem+json")]
#[expect(dead_code, reason = "read by the document alone")]
/// The body came too slowly.
pub struct TooSlow(ProblemBody);
