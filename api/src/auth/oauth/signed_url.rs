//! Which URL a client signed. Never the header `Host`: Thumbslug leaves its port out, proxies replace
//! it, and a signature made for another service must not be made to fit here by a header.

use axum::http::{Uri, Version, uri::PathAndQuery};

use super::error::OAuthError;
use crate::config::PublicUrl;

/// The URL that the client of a request must have signed: its request target, where that is absolute,
/// else what stands behind `public_url`.
///
/// `target` is the request's target before any routing (`axum::extract::OriginalUri`).
///
/// # Errors
/// [`OAuthError::NoUrl`], which names the setting.
pub fn signed_url(
    target: &Uri,
    version: Version,
    public_url: Option<&PublicUrl>,
) -> Result<String, OAuthError> {
    // In HTTP/2, scheme and authority are pseudo-headers that every request has: Host in another dress.
    let absolute = version <= Version::HTTP_11 && target.scheme().is_some();
    if absolute {
        return Ok(target.to_string());
    }
    let public = public_url.ok_or(OAuthError::NoUrl)?;
    // `OPTIONS *` has none: it asks about the server as a whole.
    let path = target.path_and_query().map(PathAndQuery::as_str);
    let path = path.filter(|path| path.starts_with('/')).unwrap_or("/");
    Ok(format!("{}{path}", public.as_str()))
}
