//! Which of two shapes a client reads: Portolan's own, or Candlepin's below a compatible prefix.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::Serialize;

use super::body::Json;
use crate::view::candlepin::Candlepin;

/// The shape of what goes out. The router marks what comes below a compatible prefix; all else is
/// Portolan's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// As the document says.
    #[default]
    Portolan,
    /// As Candlepin's clients know it: numeric serials, times in seconds with `+0000`.
    Candlepin,
}

/// A view in the shape that its reader knows.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Shaped<T: Candlepin> {
    /// Portolan's own.
    Portolan(T),
    /// Candlepin's.
    Candlepin(T::Shape),
}

impl Dialect {
    /// A view in this dialect; items of a page go through this one by one.
    pub fn shape<T: Candlepin>(self, view: T) -> Shaped<T> {
        match self {
            Self::Portolan => Shaped::Portolan(view),
            Self::Candlepin => Shaped::Candlepin(view.candlepin()),
        }
    }

    /// A view in this dialect as an answer.
    pub fn json<T: Candlepin>(self, view: T) -> Json<Shaped<T>> {
        Json(self.shape(view))
    }
}

impl<S: Sync> FromRequestParts<S> for Dialect {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}
