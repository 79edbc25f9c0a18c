//! Where the client believes to be, and what it is told where a token is needed (RFC 6750, and distribution's token
//! specification).

use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts, uri::Authority},
};

use super::caller::Shown;
use crate::{config::PublicUrl, problem::Problem, server::Peer, state::AppState};

/// The scope of the list of repositories.
pub const CATALOG: &str = "registry:catalog:*";

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Below what the routes stand on the service's own port.
const MOUNT: &str = "/container_gateway";

/// The mark of a request that came in at the gateway's own listener, where the routes stand at the root.
#[derive(Debug, Clone, Copy)]
pub struct Mount;

/// The gateway as the client sees it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Its URL, below which `/v2/` is.
    base: String,
    /// The path below which the routes stand here, for links.
    pub mount: String,
    /// What tokens are for.
    pub service: String,
}

impl FromRequestParts<AppState> for Origin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        Ok(Self::of(parts, state))
    }
}

impl Origin {
    /// From the settings, else from the request.
    #[must_use]
    pub fn of(parts: &Parts, state: &AppState) -> Self {
        let config = &state.config.gateway;
        let host = host(parts).unwrap_or_else(|| listens_at(parts, state).to_owned());
        // Behind a proxy that maps paths, what this service knows of the request's is nothing to its clients.
        let public = config.public_url.as_ref().map(PublicUrl::as_str);
        let mount = public.map_or_else(|| mount(parts), |url| path_of(url).to_owned());
        let base = public.map_or_else(
            || format!("{}://{host}{mount}", scheme(parts, state)),
            ToOwned::to_owned,
        );
        Self {
            base,
            mount,
            service: config.service().unwrap_or(host),
        }
    }

    /// Its URL, below which `/v2/` is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The scope to pull a repository; none of a name that could not stand between quotes.
    #[must_use]
    pub fn pull(name: &str) -> Option<String> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        let is_plain = name.bytes().all(plain);
        is_plain.then(|| format!("repository:{name}:pull"))
    }

    /// 401, with what to do about it.
    #[must_use]
    pub fn unauthorized(&self, scope: Option<&str>, shown: Shown) -> Problem {
        let mut challenge = format!(
            "Bearer realm=\"{}/v2/token\",service=\"{}\"",
            self.base, self.service
        );
        if let Some(scope) = scope {
            challenge = format!("{challenge},scope=\"{scope}\"");
        }
        let detail = if shown == Shown::Invalid {
            challenge.push_str(",error=\"invalid_token\"");
            "The token does not count: it has ended, or is none of this service's. Log in again."
        } else {
            "A token is needed: log in."
        };
        let problem = Problem::new(
            StatusCode::UNAUTHORIZED,
            "registry-unauthorized",
            "A token is needed",
            detail,
        );
        match HeaderValue::from_str(&challenge) {
            Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }
}

/// The path of a web URL, without `/` at its end.
fn path_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.find('/').map_or("", |at| &rest[at..])
}

/// Where a client that names no host must have come in.
fn listens_at<'a>(parts: &Parts, state: &'a AppState) -> &'a str {
    let own = state.config.gateway.listen.as_deref();
    let own = own.filter(|_| parts.extensions.get::<Mount>().is_some());
    own.unwrap_or(&state.config.http.listen)
}

fn mount(parts: &Parts) -> String {
    if parts.extensions.get::<Mount>().is_some() {
        return String::new();
    }
    // Below a compatible prefix the router takes that away from the other one.
    let path = parts.extensions.get::<OriginalUri>();
    let path = path.map_or(parts.uri.path(), |uri| uri.0.path());
    let before = path.split_once(MOUNT).map_or("", |(before, _)| before);
    format!("{before}{MOUNT}")
}

/// What stands in the header is the client's own word, and goes back to nobody else; but between quotes it must be
/// what a host is.
fn host(parts: &Parts) -> Option<String> {
    let of_uri = parts.uri.authority().map(ToString::to_string);
    let of_header = || {
        let host = parts.headers.get(header::HOST)?.to_str().ok()?;
        Some(host.to_owned())
    };
    let host = of_uri.or_else(of_header)?;
    let authority: Authority = host.parse().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let host = authority.as_str();
    host.bytes().all(plain).then(|| host.to_owned())
}

fn scheme(parts: &Parts, state: &AppState) -> &'static str {
    let Some(peer) = parts.extensions.get::<Peer>() else {
        return "http";
    };
    let trusted = state
        .config
        .http
        .trusted_proxies
        .contains(peer.address.ip());
    let said = parts.headers.get(X_FORWARDED_PROTO);
    let says_https =
        trusted && said.is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(b"https"));
    if peer.tls || says_https {
        "https"
    } else {
        "http"
    }
}
