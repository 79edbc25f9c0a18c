//! `GET /expirations`: which certificates end soon.

use axum::extract::State;
use portolan_domain::expiry::{CertificateKind, Within};
use portolan_storage::{ExpiryFilter, ExpiryPlace};
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Viewer,
    extract::{Paged, Paging, Query, given},
    problem::{BadRequest, Problem, Refused},
    state::AppState,
    view::Expiration,
};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_expirations))
}

/// Which certificates are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExpirationsQuery {
    /// Those that end within this time: a number with `s`, `m`, `h`, `d` or `w` behind it, at most
    /// `3650d`.
    #[serde(default, deserialize_with = "given")]
    #[param(pattern = "^[0-9]{1,9}[smhdw]$", default = "30d")]
    within: Option<String>,
    /// Certificates on a page, 1 to 1000; 100 where it is left out.
    #[serde(default, deserialize_with = "given")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// Where the page begins: taken from the `Link` of the page before.
    cursor: Option<String>,
}

/// Certificates that end within a time, those that have ended included, soonest first. A bound caller sees
/// those of its owners, and the CAs that verified their manifests.
#[utoipa::path(
    get,
    path = "/expirations",
    operation_id = "list_expirations",
    tag = "monitoring",
    params(ExpirationsQuery),
    responses(
        (status = 200, body = Vec<Expiration>, description = "The certificates.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        BadRequest, Refused,
    )
)]
async fn list_expirations(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Query(query): Query<ExpirationsQuery>,
) -> Result<Paged<Expiration>, Problem> {
    let paging = Paging::new(query.limit, query.cursor.clone());
    let paging = paging.keeping("within", query.within.as_deref());
    let limit = paging.limit()?;
    let within = query
        .within
        .as_deref()
        .map_or(Ok(Within::default()), str::parse);
    let within =
        within.map_err(|error| Problem::bad_request(format!("The time within {error}.")))?;
    let not_ours = || Problem::bad_request("The cursor is not one of this list.");
    let after = query
        .cursor
        .as_deref()
        .map(|cursor| place(cursor).ok_or_else(not_ours));
    let after = after.transpose()?;
    let now = state.clock.now();
    let filter = ExpiryFilter {
        owners: caller.only_owners(),
        until: within.after(now),
        after: after.as_ref(),
    };
    let page = state.expirations.page(&filter, limit).await?;
    let last = page.items.last().map(|item| cursor(&item.place));
    let items = page.items.into_iter().map(|item| Expiration::of(item, now));
    Ok(paging.answer(items.collect(), last.filter(|_| page.more)))
}

/// A place as text: the instant in seconds, the kind, the key.
fn cursor(place: &ExpiryPlace) -> String {
    let (seconds, kind) = (place.not_after.unix_timestamp(), place.kind.as_str());
    format!("{seconds}.{kind}.{}", place.key)
}

fn place(cursor: &str) -> Option<ExpiryPlace> {
    let mut parts = cursor.splitn(3, '.');
    let seconds = parts.next()?.parse().ok()?;
    let kind = CertificateKind::from_name(parts.next()?)?;
    let key = parts.next()?;
    // Not every database takes such a text to compare with, or such a year.
    let not_after = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let usable = (0..=9999).contains(&not_after.year()) && !key.contains(char::is_control);
    usable.then(|| ExpiryPlace {
        not_after,
        kind,
        key: key.to_owned(),
    })
}
