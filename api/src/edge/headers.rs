//! What an edge says of the request that it asks about, and what it is told. Which header says it is the
//! route's to know: a client writes whatever headers it likes, and the edge replaces one of them alone.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use portolan_domain::ids::RefName;

use crate::problem::Problem;

/// The refs of a commit, one of which is needed.
pub const X_FLATPAK_REQUESTED_REF: HeaderName = HeaderName::from_static("x-flatpak-requested-ref");
/// A commit's token type; 0 where nothing is needed.
pub const X_TOKEN_TYPE: HeaderName = HeaderName::from_static("x-token-type");

/// Headers that say what a client asked for, by whoever's habit.
const URIS: [&str; 4] = [
    "x-original-uri",
    "x-forwarded-uri",
    "x-original-url",
    "x-rewrite-url",
];

/// What a client asked an edge for.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The request target.
    pub uri: &'a str,
    /// The method.
    pub method: &'a str,
}

impl<'a> Asked<'a> {
    /// From the header of this name, and of no other; the method from its header, else the request's own,
    /// since a proxy asks with GET unless it says otherwise.
    ///
    /// # Errors
    /// 400 where the header is not there once, or another one says what the URI is, too.
    pub fn in_headers(
        headers: &'a HeaderMap,
        (uri, method): (&'static str, &'static str),
        own: &'a Method,
    ) -> Result<Self, Problem> {
        refuse_foreign(headers, Some(uri))?;
        let Some(target) = one(headers, uri)? else {
            let detail = format!("The header {uri} must say which URI the client asked for.");
            return Err(Problem::bad_request(detail));
        };
        let method = one(headers, method)?.unwrap_or(own.as_str());
        Ok(Self {
            uri: target,
            method,
        })
    }

    /// From the request itself, where no header says anything else.
    ///
    /// # Errors
    /// 400 where one does.
    pub fn in_request(
        headers: &HeaderMap,
        uri: &'a str,
        method: &'a Method,
    ) -> Result<Self, Problem> {
        refuse_foreign(headers, None)?;
        let method = method.as_str();
        Ok(Self { uri, method })
    }
}

/// A URI in a header that is not this route's was written by the client: whether the edge or somebody
/// behind it believes that one, nobody knows.
fn refuse_foreign(headers: &HeaderMap, own: Option<&str>) -> Result<(), Problem> {
    let foreign = URIS
        .iter()
        .find(|name| Some(**name) != own && headers.contains_key(**name));
    foreign.map_or(Ok(()), |name| {
        Err(Problem::bad_request(format!(
            "The header {name} does not say what the URI is on this route. Let the proxy remove what \
             its client sent of it."
        )))
    })
}

/// The one value of a header; none where it is missing or empty.
///
/// # Errors
/// 400 where it is there twice, or no text.
pub fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::bad_request(format!(
            "The header {name} stands twice; the proxy must replace what its client sent."
        )));
    }
    let text = first.map(HeaderValue::to_str).transpose();
    let text = text.map_err(|_| {
        Problem::bad_request(format!("The header {name} has bytes that are not ASCII."))
    })?;
    Ok(text.map(str::trim).filter(|text| !text.is_empty()))
}

/// A commit's refs as a header's value.
#[must_use]
pub fn requested_refs(refs: &BTreeSet<RefName>) -> Option<HeaderValue> {
    let names: Vec<&str> = refs.iter().map(RefName::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}
