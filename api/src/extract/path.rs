//! Path parameters as checked types.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The path's parameters.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Names what is not UTF-8; the typed extractor below names what is not an id.
        RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad_request(format!("The path cannot be read: {error}.")))?;
        #[expect(clippy::disallowed_types, reason = "this is what replaces it")]
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let path = path.map_err(|error| {
            // The framework's words begin with "Invalid URL: ".
            let text = error.body_text();
            let why = text.strip_prefix("Invalid URL: ").unwrap_or(&text);
            Problem::bad_request(format!("The path cannot be read: {why}."))
        })?;
        Ok(Self(path.0))
    }
}
