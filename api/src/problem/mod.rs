//! Refusals: `application/problem+json` (RFC 9457) for everything, the framework's own included.

mod drain;
mod failed_claim;
mod failures;
mod flat_manager;
mod mapping;
mod middleware;
mod registry;
mod responses;
mod signing;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use failed_claim::FailedClaimBody;
pub use failures::internal;
pub use mapping::{ImportProblem, invalid_token, token_insufficient};
pub use middleware::{RequestId, X_REQUEST_ID, finish, not_found, wrong_method};
pub use registry::{RegistryErrors, Verbatim};
pub use responses::{BadRequest, Refused, TokenRefused, TooSlow};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal on its way to the client. [`finish`] writes it, with the request's id and path.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: String,
    extra: Map<String, Value>,
    headers: HeaderMap,
    recorded: bool,
}

/// A refusal as it is sent (RFC 9457), with the fields that existing clients read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `urn:portolan:problem:<slug>`; `docs/problems.md` explains each.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of refusal it is.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was refused, why, and what to do now.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// The request's id, as in the header `X-Request-Id` and in the log.
    pub request_id: String,
    /// The detail again, where Candlepin's clients look for it.
    pub display_message: String,
    /// The request's id again, likewise.
    pub request_uuid: String,
    /// Of a refused import: where it was refused. One of `receive`, `archive`, `signature`,
    /// `content` and `store`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub stage: Option<String>,
    /// Of a refused import: the entry of the archive, or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub entry: Option<String>,
    /// Of a refused import: the conflicts that were not forced.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub conflicts: Option<Vec<String>>,
    /// Of a refused batch: the line that was refused, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub line: Option<u64>,
    /// Of a refused `token_subset`: each claim for which the parent is not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub failed: Option<Vec<FailedClaimBody>>,
    /// On flat-manager's paths: what kind of refusal it is, in its words.
    #[serde(rename = "error-type", skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub error_type: Option<String>,
    /// On flat-manager's paths: the detail, where its clients look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub message: Option<String>,
    /// On OAuth's paths: what is wrong, in its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub error: Option<String>,
}

impl Problem {
    /// A refusal of this kind.
    pub fn new(
        status: StatusCode,
        slug: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            slug,
            title,
            detail: detail.into(),
            extra: Map::new(),
            headers: HeaderMap::new(),
            recorded: false,
        }
    }

    /// A member beyond those of the RFC.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// A header of the answer; one that is there already stays beside it.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The audit log has its row already.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.recorded = true;
        self
    }

    /// Whether the audit log has its row already.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The words for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The last part of the type.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        self.slug
    }

    /// A malformed request.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "The request is malformed",
            detail,
        )
    }

    /// The refusal of a command, as a program reads it: without a request there is neither path nor id.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut body = self.extra.clone();
        body.insert(
            "type".to_owned(),
            format!("urn:portolan:problem:{}", self.slug).into(),
        );
        body.insert("title".to_owned(), self.title.into());
        body.insert("status".to_owned(), self.status.as_u16().into());
        body.insert("detail".to_owned(), self.detail.clone().into());
        Value::Object(body)
    }

    /// The body as JSON.
    fn body(&self, instance: &str, request_id: &str) -> Vec<u8> {
        let mut body = self.to_value();
        body["instance"] = instance.into();
        body["requestId"] = request_id.into();
        body["requestUuid"] = request_id.into();
        body["displayMessage"] = self.detail.as_str().into();
        for (name, text) in flat_manager::members(self, instance).into_iter().flatten() {
            body[name] = text.into();
        }
        body.to_string().into_bytes()
    }
}

/// Carries the problem to [`finish`], which knows the request.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
