//! Lists: a JSON array, `limit` and `cursor`, and a `Link` to what is behind it (RFC 8288).

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{body::Json, query::given};
use crate::problem::Problem;

const MOST: u64 = 1000;

/// `limit` and `cursor` of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Items on a page, 1 to 1000; 100 where it is left out.
    #[serde(default, deserialize_with = "given")]
    #[param(required = false, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// Where the page begins: taken from the `Link` of the page before.
    pub cursor: Option<String>,
    /// What else the query asked for, which the next page's does too.
    #[serde(skip)]
    #[param(ignore)]
    others: Vec<(&'static str, String)>,
}

/// A page of a list.
pub struct Paged<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl Paging {
    /// The paging of a list whose query has more in it.
    #[must_use]
    pub const fn new(limit: Option<u64>, cursor: Option<String>) -> Self {
        let others = Vec::new();
        Self {
            limit,
            cursor,
            others,
        }
    }

    /// Keeps a parameter of the query for the next page.
    #[must_use]
    pub fn keeping(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.others
            .extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// The limit.
    ///
    /// # Errors
    /// 400 where it is out of range.
    pub fn limit(&self) -> Result<u64, Problem> {
        match self.limit.unwrap_or(100) {
            limit @ 1..=MOST => Ok(limit),
            _ => Err(Problem::bad_request(format!(
                "The limit must be 1 to {MOST}."
            ))),
        }
    }

    #[must_use]
    /// Answers a page; `cursor` is that of its last item, where there is more.
    pub fn answer<T>(&self, items: Vec<T>, cursor: Option<String>) -> Paged<T> {
        // A relative reference stays right behind any proxy and prefix.
        let next = cursor.and_then(|cursor| {
            let limit = self.limit.map(|limit| ("limit", limit.to_string()));
            let others = self.others.iter().cloned();
            let query: Vec<_> = others.chain(limit).chain([("cursor", cursor)]).collect();
            let query = serde_html_form::to_string(query).ok()?;
            Some(format!("<?{query}>; rel=\"next\""))
        });
        Paged { items, next }
    }
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.items).into_response();
        if let Some(next) = self.next.and_then(|next| HeaderValue::from_str(&next).ok()) {
            response.headers_mut().insert(header::LINK, next);
        }
        response
    }
}
