//! JSON in and out, and how a small body is read.

use axum::{
    body::Bytes,
    extract::{FromRequest, OptionalFromRequest, Request},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{problem::Problem, state::AppState, time_limit::too_slow};

/// Bytes that a JSON body may have.
const LARGEST: usize = 1 << 20;

/// A kind of body that is read as a whole.
pub(super) struct Whole {
    /// What it is called in a refusal.
    pub name: &'static str,
    /// The media type to send it as.
    pub media_type: &'static str,
    /// Bytes at most.
    pub largest: usize,
}

const JSON: Whole = Whole {
    name: "A JSON body",
    media_type: "application/json",
    largest: LARGEST,
};

/// A JSON body, either way.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        check_kind(request.headers())?;
        let bytes = JSON.read(request, state).await?;
        read_object(&bytes).map(Self)
    }
}

/// A body that may be left out: no bytes, whatever media type they are said to have.
impl<T: DeserializeOwned> OptionalFromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Option<Self>, Problem> {
        let kind = check_kind(request.headers());
        let bytes = JSON.read(request, state).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        kind?;
        read_object(&bytes).map(Self).map(Some)
    }
}

/// A JSON list of objects.
pub struct JsonList<T>(pub Vec<T>);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonList<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        check_kind(request.headers())?;
        let bytes = JSON.read(request, state).await?;
        let items: Vec<&RawValue> = serde_json::from_slice(&bytes).map_err(|error| {
            Problem::bad_request(format!(
                "The body is not the JSON list that is expected: {error}."
            ))
        })?;
        let objects = items
            .into_iter()
            .map(|item| read_object(item.get().as_bytes()));
        objects.collect::<Result<_, _>>().map(Self)
    }
}

fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = essence(headers);
    if essence == JSON.media_type || essence.ends_with("+json") {
        return Ok(());
    }
    Err(JSON.unsupported())
}

/// The media type without its parameters.
pub(super) fn essence(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

impl Whole {
    /// 415: it was sent as something else.
    pub fn unsupported(&self) -> Problem {
        let title = "The media type is not supported";
        let detail = format!("Send the body as Content-Type: {}.", self.media_type);
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Problem::new(status, "unsupported-media-type", title, detail)
    }

    /// Reads it, within its limits of size and time.
    pub async fn read(&self, request: Request, state: &AppState) -> Result<Bytes, Problem> {
        let limits = &state.config.http.limits;
        let body = Limited::new(request.into_body(), self.largest).collect();
        let body = tokio::time::timeout(limits.body(), body).await;
        let body = body.map_err(|_| {
            let (name, seconds) = (self.name, limits.body_seconds);
            too_slow(format!("{name} must have come within {seconds} seconds."))
        })?;
        let bytes = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let detail = format!("{} may have at most {} bytes.", self.name, self.largest);
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Problem::new(status, "body-too-large", "The body is too large", detail)
            } else {
                Problem::bad_request("The body ended early.")
            }
        })?;
        Ok(bytes.to_bytes())
    }
}

/// Reads an object, which every body here is. Serde takes a list for one, too, field by field: then a
/// field that comes later would change what a list says.
///
/// # Errors
/// 400.
pub fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let detail = "The body has a JSON list where an object is expected.";
        return Err(Problem::bad_request(detail));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("The body is not the JSON that is expected: {error}.");
        Problem::bad_request(detail)
    })
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}
