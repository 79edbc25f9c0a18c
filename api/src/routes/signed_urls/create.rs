//! `POST /signed_urls`.

use std::net::IpAddr;

use axum::{
    extract::State,
    http::{HeaderName, header},
};
use portolan_domain::{ids::CdnLabel, signed_url::Terms};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    auth::Issuer,
    extract::{Instant, Json, parse_path},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    signed_urls::{Ask, MOST_PATHS, Signed, What, sign},
    state::AppState,
};

/// What is to be signed: `paths` or `prefix`, one of the two.
#[derive(Debug, Deserialize, ToSchema)]
// A misspelt ip would leave the URL open to everybody.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSignedUrls {
    /// The label of a CDN of the operator's.
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    cdn: CdnLabel,
    /// Files below the CDN's URL, absolute and percent-encoded.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 1000)]
    paths: Option<Vec<String>>,
    /// A folder: everything below it, where the kind of CDN can say so.
    #[serde(default)]
    prefix: Option<String>,
    /// Seconds from now.
    #[serde(default)]
    #[schema(default = 3600, minimum = 1, maximum = 604_800)]
    duration: Option<i64>,
    /// They count from this address alone, where the kind of CDN can say so.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// Whom they are for; in the URL where the kind of CDN has a place for it (`akamai`).
    #[serde(default)]
    user: Option<String>,
    /// They do not count before this instant, where the kind of CDN can say so.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Instant>,
}

/// Signs URLs of a CDN that has a signing profile.
#[utoipa::path(
    post,
    path = "/signed_urls",
    operation_id = "create_signed_urls",
    tag = "CDNs",
    request_body = NewSignedUrls,
    responses(
        (status = 200, body = Signed, description = "The URLs. Whoever has one may fetch what it is for."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such CDN."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "The CDN has no signing profile."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_signed_urls(
    Issuer(caller): Issuer,
    State(state): State<AppState>,
    Json(new): Json<NewSignedUrls>,
) -> Result<([(HeaderName, &'static str); 1], Json<Signed>), Problem> {
    let ask = Ask {
        what: what(new.paths.as_deref(), new.prefix.as_deref())?,
        terms: new.terms(&state)?,
        cdn: new.cdn,
    };
    let signed = sign(&state.store, ask, caller.only_owners()).await?;
    state.audit.urls_signed(&caller.by, None);
    // RFC 9111, 5.2.2.5: a signed URL is a credential.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(signed)))
}

/// What is to be signed.
fn what(paths: Option<&[String]>, prefix: Option<&str>) -> Result<What, Problem> {
    match (paths, prefix) {
        (Some(paths), None) if (1..=MOST_PATHS).contains(&paths.len()) => {
            let paths = paths.iter().enumerate();
            let paths = paths.map(|(n, path)| parse_path(&format!("paths[{n}]"), path));
            Ok(What::Paths(paths.collect::<Result<_, _>>()?))
        }
        (None, Some(prefix)) => Ok(What::Prefix(parse_path("prefix", prefix)?)),
        (Some(_), None) => {
            let detail =
                format!("paths must be 1 to {MOST_PATHS}; ask for more one after another.");
            Err(Problem::bad_request(detail))
        }
        _ => Err(Problem::bad_request(
            "Give paths or prefix: one of the two.",
        )),
    }
}

impl NewSignedUrls {
    fn terms(&self, state: &AppState) -> Result<Terms, Problem> {
        let seconds = self.duration.unwrap_or(Terms::DEFAULT_SECONDS);
        let mut terms = Terms::new(state.clock.now(), seconds)?;
        if let Some(ip) = self.ip {
            terms = terms.from_address(ip);
        }
        if let Some(user) = &self.user {
            terms = terms.for_user(user)?;
        }
        if let Some(start) = &self.not_before {
            terms = terms.not_before(start.get())?;
        }
        Ok(terms)
    }
}
