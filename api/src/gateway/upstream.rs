//! The registry behind the gateway, and how its content gets to clients. Nothing of it is kept here: a blob goes
//! through as it comes.

use std::{io, path::Path, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use openssl::pkey::PKey;
use reqwest::{Certificate, Client, ClientBuilder, Identity, redirect::Policy};
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::{
    content_path::ContentPath,
    refusal::{no_upstream, upstream as fails},
};
use crate::{
    config::{GatewayConfig, GatewayMode},
    problem::{Problem, Verbatim},
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the registry may be silent in the middle of an answer.
const SILENCE: Duration = Duration::from_mins(1);
/// Redirects that are followed at most, where content goes through: to the registry's storage.
const REDIRECTS: usize = 5;
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
    client: Client,
}

impl Upstream {
    /// The registry as it is set.
    ///
    /// # Errors
    /// Where a file cannot be used.
    pub fn new(config: &GatewayConfig) -> io::Result<Self> {
        let mut builder = client((
            "gateway.upstream_ca_file",
            config.upstream_ca_file.as_deref(),
        ))?;
        if let Some(identity) = identity(config)? {
            builder = builder.identity(identity);
        }
        if config.mode == GatewayMode::Proxy {
            builder = builder.redirect(Policy::limited(REDIRECTS));
        }
        let url = config.upstream_url().map_err(io::Error::other)?;
        let content_url = config.content_url.as_ref();
        let content_url = content_url.map(|url| Url::parse(url.as_str())).transpose();
        Ok(Self(Arc::new(Inner {
            base: url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
            mode: config.mode,
            content_url: content_url.map_err(io::Error::other)?,
            client: builder
                .read_timeout(SILENCE)
                .build()
                .map_err(io::Error::other)?,
        })))
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
        let mut request = self.0.client.request(passing.method.clone(), url);
        for name in PASSED_ON {
            for value in passing.headers.get_all(&name) {
                request = request.header(&name, value);
            }
        }
        if let Some(token) = passing.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(silent)?;
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
    pub async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(String, String)],
        token: Option<String>,
    ) -> Result<Result<(T, bool), Response>, Problem> {
        let mut request = self.0.client.get(self.url(path)?).query(query);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut answer = request.send().await.map_err(silent)?;
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
        let read = serde_json::from_slice(&body);
        read.map(|read| Ok((read, more)))
            .map_err(|_| unusable("its list cannot be read"))
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

/// A client that shows nobody's credentials to anybody: it goes through no proxy, and follows nothing.
pub(super) fn client((key, ca): (&'static str, Option<&Path>)) -> io::Result<ClientBuilder> {
    let builder = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .user_agent(concat!("Portolan/", env!("CARGO_PKG_VERSION")));
    let Some(ca) = ca else {
        return Ok(builder);
    };
    let pem = read(key, ca)?;
    let wrong = |error: reqwest::Error| wrong(key, ca, &error);
    let certificates = Certificate::from_pem_bundle(&pem).map_err(wrong)?;
    Ok(builder.tls_certs_only(certificates))
}

fn identity(config: &GatewayConfig) -> io::Result<Option<Identity>> {
    let files = (
        config.upstream_client_cert_file.as_deref(),
        config.upstream_client_key_file.as_deref(),
    );
    let (Some(certificate), Some(key)) = files else {
        return Ok(None);
    };
    let name = "gateway.upstream_client_cert_file";
    let pem = read(name, certificate)?;
    let secret = private_key("gateway.upstream_client_key_file", key)?;
    let identity = Identity::from_pkcs8_pem(&pem, &secret);
    identity
        .map(Some)
        .map_err(|error| wrong(name, certificate, &error))
}

/// A private key in whatever PEM form it has, as PKCS#8.
fn private_key(name: &'static str, file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let pem = Zeroizing::new(read(name, file)?);
    // With no password at hand, OpenSSL would ask the terminal for one.
    let key = PKey::private_key_from_pem_callback(&pem, |_| Ok(0));
    let pkcs8 = key.and_then(|key| key.private_key_to_pem_pkcs8());
    pkcs8.map(Zeroizing::new).map_err(|_| {
        let why = "it holds no private key in PEM form that can be read without a password";
        io::Error::other(format!("{name}: {} cannot be used: {why}", file.display()))
    })
}

fn read(key: &'static str, file: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        let why = format!("{key}: {} cannot be read: {error}", file.display());
        io::Error::new(error.kind(), why)
    })
}

fn wrong(key: &'static str, file: &Path, error: &dyn std::error::Error) -> io::Error {
    io::Error::other(format!("{key}: {} cannot be used: {error}", file.display()))
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
