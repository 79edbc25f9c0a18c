//! `GET /audit`: who did what.

use std::slice;

use axum::extract::State;
use portolan_domain::ids::OwnerKey;
use portolan_storage::{AuditFilter, AuditRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Auditor,
    extract::{Instant, Paged, Paging, Query, given},
    problem::{BadRequest, Problem, Refused},
    state::AppState,
    view::Timestamp,
};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_audit_events))
}

/// Which events are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Those of one owner.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    owner: Option<OwnerKey>,
    /// Those of one principal, by its name.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    principal: Option<String>,
    /// Those of one action, such as `import.create`.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    action: Option<String>,
    /// Those of this instant and later (RFC 3339).
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Instant>,
    /// Those before this instant (RFC 3339).
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Instant>,
    /// Events on a page, 1 to 1000; 100 where it is left out.
    #[serde(default, deserialize_with = "given")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// Where the page begins: taken from the `Link` of the page before.
    cursor: Option<String>,
}

/// One event, or a minute's count of many.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// Its number.
    pub id: String,
    /// The node that wrote it.
    pub node: String,
    /// Its place in the node's chain, from 1.
    pub sequence: i64,
    /// When; the minute's beginning, where it is a count.
    pub time: Timestamp,
    /// Who: the credential's name.
    pub principal: String,
    /// By what the principal is known: `api-key`, `oauth`, `certificate`, `token`, `local` (the
    /// command line), `system` or `anonymous`.
    pub principal_kind: String,
    /// What, as `resource.verb`.
    pub action: String,
    /// Whose data it touched; null where it was not one owner's.
    pub owner_key: Option<String>,
    /// What it touched: a name or an id.
    pub subject: Option<String>,
    /// `success`, `refused`, `failed`, or `unknown` where it failed and may have been done.
    pub outcome: String,
    /// More in words.
    pub detail: Option<String>,
    /// How many times, where it is a count.
    pub count: i64,
    /// The request's id, as in the log.
    pub request_id: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
    /// The row's hash in the node's chain: `portolan audit verify` follows it.
    pub hash: String,
}

/// Who did what, newest first. A bound auditor sees what touched its owners.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "list_audit_events",
    tag = "audit",
    params(AuditQuery),
    responses(
        (status = 200, body = Vec<AuditEvent>, description = "The events.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        BadRequest, Refused,
    )
)]
async fn list_audit_events(
    Auditor(caller): Auditor,
    State(state): State<AppState>,
    Query(query): Query<AuditQuery>,
) -> Result<Paged<AuditEvent>, Problem> {
    let paging = query.paging()?;
    let limit = paging.limit()?;
    if let Some(owner) = &query.owner {
        caller.check_owner(owner)?;
    }
    let before = query.cursor.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| Problem::bad_request("The cursor is not one of this list."))?;
    let filter = AuditFilter {
        owners: query
            .owner
            .as_ref()
            .map(slice::from_ref)
            .or(caller.only_owners()),
        principal: query.principal.as_deref(),
        action: query.action.as_deref(),
        since: query.since.as_ref().map(Instant::get),
        until: query.until.as_ref().map(Instant::get),
        before,
    };
    let page = state.store.audit_log(&filter, limit).await?;
    let last = page.items.last().map(|row| row.id.to_string());
    let events = page.items.into_iter().map(AuditEvent::from).collect();
    Ok(paging.answer(events, last.filter(|_| page.more)))
}

impl AuditQuery {
    fn paging(&self) -> Result<Paging, Problem> {
        let mut paging = Paging::new(self.limit, self.cursor.clone());
        for (name, value) in [
            ("owner", self.owner.as_ref().map(OwnerKey::as_str)),
            ("principal", self.principal.as_deref()),
            ("action", self.action.as_deref()),
            ("since", self.since.as_ref().map(Instant::as_str)),
            ("until", self.until.as_ref().map(Instant::as_str)),
        ] {
            // Not every database takes such a text to compare with.
            if value.is_some_and(|text| text.contains(char::is_control)) {
                let detail = format!("{name} holds a control character.");
                return Err(Problem::bad_request(detail));
            }
            paging = paging.keeping(name, value);
        }
        Ok(paging)
    }
}

impl From<AuditRow> for AuditEvent {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id.to_string(),
            node: row.node,
            sequence: row.sequence,
            time: Timestamp(row.at),
            principal: row.principal,
            principal_kind: row.principal_kind,
            action: row.action,
            owner_key: row.owner_key,
            subject: row.subject,
            outcome: row.outcome,
            detail: row.detail,
            count: row.count,
            request_id: row.request_id,
            address: row.address,
            hash: row.hash,
        }
    }
}
