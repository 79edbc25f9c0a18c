//! Who asks the registry, and the storage that it redirects to: with what it wants to see here, and with nothing there.

use std::{io, path::Path, time::Duration};

use axum::http::{HeaderMap, Method, header};
use openssl::pkey::PKey;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Response, redirect::Policy};
use url::{Origin, Url};
use zeroize::Zeroizing;

use super::{silent, unusable};
use crate::{config::GatewayConfig, problem::Problem};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the registry may be silent in the middle of an answer.
const SILENCE: Duration = Duration::from_mins(1);
/// Redirects that are followed at most.
const REDIRECTS: usize = 5;

/// A question.
pub struct Asked {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// A token that the registry wants to see; nobody else does.
    pub token: Option<String>,
}

/// The registry's client, and everybody else's.
pub struct Clients {
    own: Client,
    /// Shows no certificate, and trusts the system's CAs, too: storage is often somebody else's.
    elsewhere: Client,
    origin: Option<Origin>,
}

impl Clients {
    /// As they are set.
    pub fn new(config: &GatewayConfig, upstream: Option<&Url>) -> io::Result<Self> {
        let ca = (
            "gateway.upstream_ca_file",
            config.upstream_ca_file.as_deref(),
        );
        let mut own = client(ca)?;
        if let Some(identity) = identity(config)? {
            own = own.identity(identity);
        }
        let elsewhere = bare().tls_certs_merge(certificates(ca)?);
        let build = |builder: ClientBuilder| {
            builder
                .read_timeout(SILENCE)
                .build()
                .map_err(io::Error::other)
        };
        Ok(Self {
            own: build(own)?,
            elsewhere: build(elsewhere)?,
            origin: upstream.map(Url::origin),
        })
    }

    /// Asks, and follows where it is sent to.
    pub async fn send(&self, mut asked: Asked, follow: bool) -> Result<Response, Problem> {
        for _ in 0..=REDIRECTS {
            let is_own = self.origin.as_ref() == Some(&asked.url.origin());
            let client = if is_own { &self.own } else { &self.elsewhere };
            let mut request = client.request(asked.method.clone(), asked.url.clone());
            request = request.headers(asked.headers.clone());
            if let Some(token) = asked.token.as_ref().filter(|_| is_own) {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.map_err(silent)?;
            let location = answer.headers().get(header::LOCATION);
            let Some(location) = location.filter(|_| follow && answer.status().is_redirection())
            else {
                return Ok(answer);
            };
            let target = location.to_str().ok();
            let target = target.and_then(|location| asked.url.join(location).ok());
            let target = target.filter(|url| matches!(url.scheme(), "http" | "https"));
            asked.url = target.ok_or_else(|| unusable("it redirects to nowhere"))?;
        }
        Err(unusable("it redirects again and again"))
    }
}

/// A client that goes through no proxy, and follows nothing by itself.
fn bare() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .user_agent(concat!("Portolan/", env!("CARGO_PKG_VERSION")))
}

/// One that trusts these CAs alone, where there are any.
pub fn client(ca: (&'static str, Option<&Path>)) -> io::Result<ClientBuilder> {
    let certificates = certificates(ca)?;
    Ok(if certificates.is_empty() {
        bare()
    } else {
        bare().tls_certs_only(certificates)
    })
}

fn certificates((key, ca): (&'static str, Option<&Path>)) -> io::Result<Vec<Certificate>> {
    let Some(ca) = ca else {
        return Ok(Vec::new());
    };
    let certificates = Certificate::from_pem_bundle(&read(key, ca)?);
    let certificates = certificates.map_err(|error| wrong(key, ca, &error))?;
    if certificates.is_empty() {
        let why = "it holds no certificate in PEM form";
        return Err(io::Error::other(format!(
            "{key}: {} cannot be used: {why}",
            ca.display()
        )));
    }
    Ok(certificates)
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
