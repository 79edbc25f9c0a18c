//! The registry behind the gateway, and how its content gets to clients. Nothing of it is kept here: a blob goes
//! through as it comes.

mod clients;

use std::{io, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use url::Url;

pub(super) use self::clients::client;
use self::clients::{Asked, Clients};
use super::{
    content_path::ContentPath,
    refusal::{no_upstream, upstream as fails},
};
use crate::{
    config::{GatewayConfig, GatewayMode},
    problem::{Problem, Verbatim},
};

/// Bytes of a list at most.
const LARGEST: usize = 64 << 20;

/// What a client may say to the registry.
const PASSED_ON: [HeaderName; 6] = [
    header::ACCEPT,
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_MATCH,
];
/// What the registry may say to a client.
const PASSED_BACK: [HeaderName; 11] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_ENCODING,
    header::ACCEPT_RANGES,
    header::ETAG,
    header::LAST_MODIFIED,
    header::CACHE_CONTROL,
    header::DATE,
    HeaderName::from_static("docker-content-digest"),
    HeaderName::from_static("oci-subject"),
];

/// What is asked of the registry on a client's behalf.
pub struct Passing<'a> {
    /// What is wanted.
    pub path: &'a ContentPath<'a>,
    /// GET or HEAD.
    pub method: &'a Method,
    /// What the client says beside it.
    pub headers: &'a HeaderMap,
    /// A token that the registry wants to see.
    pub token: Option<String>,
}

/// The registry; cheap to clone.
#[derive(Clone)]
pub struct Upstream(Arc<Inner>);

struct Inner {
    /// Without `/` at its end; none where there is no registry.
    base: Option<String>,
    mode: GatewayMode,
    content_url: Option<Url>,
    clients: Clients,
}

impl Upstream {
    /// The registry as it is set.
    ///
    /// # Errors
    /// Where a file cannot be used.
    pub fn new(config: &GatewayConfig) -> io::Result<Self> {
        let url = config.upstream_url().map_err(io::Error::other)?;
        let content_url = config.content_url.as_ref();
        let content_url = content_url.map(|url| Url::parse(url.as_str())).transpose();
        Ok(Self(Arc::new(Inner {
            clients: Clients::new(config, url.as_ref())?,
            base: url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
            mode: config.mode,
            content_url: content_url.map_err(io::Error::other)?,
        })))
    }

    /// Whether this URL is the registry's own, which its clients may not reach.
    #[must_use]
    pub fn is_at(&self, url: &str) -> bool {
        let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin());
        let own = self.0.base.as_deref().and_then(origin);
        own.is_some() && own == origin(url)
    }

    /// Whether the gateway itself asks for content.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.mode != GatewayMode::Redirect
    }

    /// Answers with content, or with where it is.
    ///
    /// # Errors
    /// 502 where the registry gives no answer of use, 503 where none is set.
    pub async fn pass(&self, passing: Passing<'_>) -> Result<Response, Problem> {
        let url = self.url(&passing.path.written())?;
        if !self.is_asked() {
            return Ok(redirect(StatusCode::FOUND, url.as_str()));
        }
        let mut headers = HeaderMap::new();
        for name in PASSED_ON {
            for value in passing.headers.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let asked = Asked {
            method: passing.method.clone(),
            url,
            headers,
            token: passing.token,
        };
        let follow = self.0.mode == GatewayMode::Proxy;
        let answer = self.0.clients.send(asked, follow).await?;
        if self.0.mode == GatewayMode::Follow
            && answer.status().is_redirection()
            && let Some(location) = answer.headers().get(header::LOCATION)
        {
            return self.follow(&answer, location);
        }
        back(answer)
    }

    /// A list, or another answer that is read here.
    ///
    /// # Errors
    /// As [`Upstream::pass`]; 404 as the registry says it.
    pub async fn read<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
        query: &[(String, String)],
        token: Option<String>,
    ) -> Result<Result<(T, bool), Response>, Problem> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let asked = Asked {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            token,
        };
        let mut answer = self.0.clients.send(asked, true).await?;
        if answer.status() != StatusCode::OK {
            return back(answer).map(Err);
        }
        let more = answer.headers().contains_key(header::LINK);
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(silent)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(unusable("its list is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        // It may be long, and others wait for this thread.
        let read = spawn_blocking(move || serde_json::from_slice(&body)).await;
        let read = read.ok().and_then(Result::ok);
        let read = read.ok_or_else(|| unusable("its list cannot be read"))?;
        Ok(Ok((read, more)))
    }

    fn url(&self, path: &str) -> Result<Url, Problem> {
        let base = self.0.base.as_deref().ok_or_else(no_upstream)?;
        Url::parse(&format!("{base}{path}")).map_err(|_| unusable("the path is none"))
    }

    /// Passes a redirect on: to where clients find that host's content.
    fn follow(
        &self,
        answer: &reqwest::Response,
        location: &HeaderValue,
    ) -> Result<Response, Problem> {
        let location = location.to_str().ok();
        let target = location.and_then(|location| answer.url().join(location).ok());
        let mut target = target.ok_or_else(|| unusable("it redirects to nowhere"))?;
        if let Some(content) = &self.0.content_url {
            let moved = target.set_scheme(content.scheme()).is_ok()
                && target.set_host(content.host_str()).is_ok()
                && target.set_port(content.port()).is_ok();
            if !moved {
                return Err(unusable("it redirects to what cannot be passed on"));
            }
        }
        Ok(redirect(answer.status(), target.as_str()))
    }
}

/// Passes an answer back, its body as it comes.
fn back(answer: reqwest::Response) -> Result<Response, Problem> {
    let status = answer.status();
    let passes = status.is_success()
        || matches!(
            status,
            StatusCode::NOT_MODIFIED
                | StatusCode::NOT_FOUND
                | StatusCode::RANGE_NOT_SATISFIABLE
                | StatusCode::PRECONDITION_FAILED
        );
    if !passes {
        return Err(unusable(&format!("it answers {status}")));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    for name in PASSED_BACK {
        if let Some(value) = answer.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response.extensions_mut().insert(Verbatim);
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    Ok(response)
}

fn redirect(status: StatusCode, location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn silent(error: reqwest::Error) -> Problem {
    tracing::warn!(error = %error.without_url(), "the registry gives no answer (gateway.upstream)");
    fails("The registry behind the gateway does not answer.")
}

fn unusable(why: &str) -> Problem {
    tracing::warn!(
        why,
        "the registry gives no answer of use (gateway.upstream)"
    );
    fails("The registry behind the gateway gives no answer of use.")
}
