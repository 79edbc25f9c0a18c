//! `GET /edge/cdn_info/nginx`: where content is, in headers, for a proxy that replaces Thumbslug.

use axum::{
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use portolan_domain::{distinguished_name::DistinguishedName, ids::EntitlementId};
use portolan_storage::StorageError;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use crate::{
    auth::Reader,
    cache::{Finished, Question},
    edge::{one, refused},
    extract::{Query, given},
    problem::{BadRequest, Problem, Refused},
    server::Peer,
    state::AppState,
};

const X_ENTITLEMENT_ID: &str = "x-entitlement-id";
const X_SSL_CLIENT_S_DN: &str = "x-ssl-client-s-dn";
const X_SSL_CLIENT_VERIFY: &str = "x-ssl-client-verify";

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EdgeQuery {
    /// Whether the certificate and its key are in the answer; left out: they are not.
    #[serde(default, deserialize_with = "given")]
    #[param(inline, required = false)]
    credentials: Option<Credentials>,
}

/// How a certificate and its key are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Credentials {
    /// In headers, base64.
    Header,
}

/// Where an entitlement's content is, and with which credential.
#[utoipa::path(
    get,
    path = "/edge/cdn_info/nginx",
    operation_id = "get_edge_cdn_info",
    tag = "edges",
    params(
        EdgeQuery,
        ("X-Entitlement-Id" = Option<String>, Header, description = "The entitlement's id."),
        ("X-SSL-Client-S-DN" = Option<String>, Header,
         description = "Or the subject of the client's certificate (RFC 4514), from a trusted proxy."),
        ("X-SSL-Client-Verify" = Option<String>, Header,
         description = "Whether the proxy verified it: SUCCESS."),
    ),
    responses(
        (status = 204, description = "The answer, in headers.",
         headers(
             ("X-Cdn-Url" = String, description = "The CDN's base URL."),
             ("X-Cdn-Host" = String, description = "Its host, without a port."),
             ("X-Cdn-Ca-Sha256" = String, description = "The CA to trust there, where there is one."),
             ("X-Cdn-Credential-Id" = String, description = "SHA-256 of the certificate to show there, where there is one."),
             ("X-Cdn-Certificate" = String, description = "With credentials=header: the certificate, PEM in base64."),
             ("X-Cdn-Key" = String, description = "Likewise its key."),
         )),
        BadRequest, Refused,
    )
)]
pub async fn get_edge_cdn_info(
    Reader(caller): Reader,
    State(state): State<AppState>,
    Query(query): Query<EdgeQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let id = entitlement(&request, &state)?;
    let found = match state.cache.get(&Question::Entitlement(id)).await {
        Ok(Some(found)) => found,
        // nginx makes a 500 of a 404.
        Ok(None) | Err(StorageError::WithoutImport(_)) => return Err(unknown()),
        Err(error) => return Err(error.into()),
    };
    let owner = found.answer.owner();
    caller.check_owner(owner)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    tell(&found.answer, response.headers_mut());
    if query.credentials == Some(Credentials::Header) {
        add_credential(&found.answer, response.headers_mut());
        let by = &caller.by;
        state
            .audit
            .key_material_read((by.kind, &by.name), owner, by.at);
    }
    if found.stale {
        let warning = HeaderValue::from_static(r#"110 portolan "Response is Stale""#);
        response.headers_mut().insert(header::WARNING, warning);
    }
    Ok(response)
}

/// Who asks the proxy: by an id, or by the subject of a certificate that the proxy verified. What is not
/// from a trusted proxy, the client itself may have written.
fn entitlement(request: &Request, state: &AppState) -> Result<EntitlementId, Problem> {
    let headers = request.headers();
    let id = one(headers, X_ENTITLEMENT_ID)?;
    let subject = one(headers, X_SSL_CLIENT_S_DN)?;
    let verified = one(headers, X_SSL_CLIENT_VERIFY)?;
    let subject = match (id, subject) {
        (Some(_), Some(_)) => {
            let detail = "X-Entitlement-Id and X-SSL-Client-S-DN are both there; send one of them.";
            return Err(Problem::bad_request(detail));
        }
        (Some(id), None) => return id.parse().map_err(|_| unknown()),
        (None, Some(subject)) => subject,
        // A proxy whose client had no certificate says so, and sends an empty subject.
        (None, None) if verified.is_some() => return Err(not_verified()),
        (None, None) => {
            let detail = "Send X-Entitlement-Id, or X-SSL-Client-S-DN with X-SSL-Client-Verify.";
            return Err(Problem::bad_request(detail));
        }
    };
    let peer = request.extensions().get::<Peer>();
    let trusted = &state.config.http.trusted_proxies;
    if !peer.is_some_and(|peer| trusted.contains(peer.address.ip())) {
        let detail =
            "X-SSL-Client-S-DN counts from http.trusted_proxies alone, and this peer is none.";
        return Err(refuse(
            "edge-proxy-untrusted",
            "The proxy is not trusted",
            detail,
        ));
    }
    if verified != Some("SUCCESS") {
        return Err(not_verified());
    }
    // The single CN, never what a split at `=` finds.
    let name = subject
        .parse::<DistinguishedName>()
        .map_err(|_| unknown())?;
    let id = name.common_name().and_then(|name| name.parse().ok());
    id.ok_or_else(unknown)
}

fn refuse(slug: &'static str, title: &'static str, detail: &str) -> Problem {
    // The proxy's client is refused, not the proxy: no news for the audit log.
    refused(StatusCode::FORBIDDEN, slug, title, detail).recorded()
}

fn not_verified() -> Problem {
    let detail =
        "X-SSL-Client-Verify is not SUCCESS: the proxy's client has no certificate that counts.";
    let title = "The client's certificate does not count";
    refuse("edge-client-unverified", title, detail)
}

fn unknown() -> Problem {
    let detail = "The entitlement is unknown here, or was revoked.";
    let title = "There is no such entitlement";
    refuse("edge-entitlement-unknown", title, detail)
}

fn tell(answer: &Finished, headers: &mut HeaderMap) {
    let facts = &answer.edge;
    let credential = answer.text().map(|text| facts.credential_id(text));
    for (name, value) in [
        ("x-cdn-url", Some(facts.cdn_url.as_str())),
        ("x-cdn-host", facts.cdn_host()),
        ("x-cdn-ca-sha256", facts.ca_sha256.as_deref()),
        ("x-cdn-credential-id", credential),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    // Without `private`, with which nginx would keep nothing; there is no key in it.
    let keep = HeaderValue::from_static("max-age=60");
    headers.insert(header::CACHE_CONTROL, keep);
    let vary = "Authorization, X-Entitlement-Id, X-SSL-Client-S-DN, X-SSL-Client-Verify";
    headers.insert(header::VARY, HeaderValue::from_static(vary));
}

fn add_credential(answer: &Finished, headers: &mut HeaderMap) {
    let keep = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, keep);
    let text = answer.text().map_or(&[][..], Bytes::as_ref);
    let (certificate, key) = text.split_at(answer.edge.key_at.min(text.len()));
    for (name, part) in [("x-cdn-certificate", certificate), ("x-cdn-key", key)] {
        let encoded = Zeroizing::new(STANDARD.encode(part));
        let value = HeaderValue::from_str(&encoded).ok();
        if let Some(mut value) = value.filter(|value| !value.is_empty()) {
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
