//! Query parameters, repeated ones included.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::problem::Problem;

/// The query's parameters.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        serde_html_form::from_str(query)
            .map(Self)
            .map_err(|error| Problem::bad_request(format!("The query cannot be read: {error}.")))
    }
}

/// Reads a parameter that is there. By itself serde takes `?limit=` for one that is not, and a client
/// whose variable was empty would get an answer to another question.
///
/// # Errors
/// Where the value is not a `T`, such as an empty one where that is a number.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}
