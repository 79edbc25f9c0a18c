//! Records that a change was refused to somebody who is known.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use percent_encoding::percent_decode_str;
use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, Outcome};

use super::Audit;
use crate::{auth::masked, problem::Problem};

/// What becomes known of a request on its way in, for its way out.
#[derive(Clone, Default)]
pub struct Trail(Arc<Known>);

#[derive(Default)]
struct Known {
    actor: OnceLock<Actor>,
    owner: OnceLock<OwnerKey>,
}

impl Trail {
    /// Whose request it is.
    pub fn belongs_to(&self, actor: &Actor) {
        // One request has one credential: the first word counts.
        let _ = self.0.actor.set(actor.clone());
    }

    /// Whose it is that was asked for, where the path does not say so.
    pub fn concerns(&self, owner: &OwnerKey) {
        let _ = self.0.owner.set(owner.clone());
    }
}

/// The layer around the routes. A change that is made writes its own row, in its own transaction.
pub async fn record_refusals(
    State(audit): State<Audit>,
    mut request: Request,
    next: Next,
) -> Response {
    let trail = Trail::default();
    request.extensions_mut().insert(trail.clone());
    let method = request.method().clone();
    let path = masked(request.uri().path()).into_owned();
    let response = next.run(request).await;
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let problem = response.extensions().get::<Problem>();
    // A refused import has a record, which wrote its row.
    let recorded = problem.is_some_and(Problem::is_recorded);
    let Some(actor) = trail.0.actor.get().filter(|_| refused && !recorded) else {
        return response;
    };
    // A read that finds nothing is no news; one that is not allowed is.
    if !is_read(&method) || status == 403 {
        let slug = problem.map_or("", Problem::slug);
        let outcome = match slug {
            "timed-out" | "outcome-unknown" => Outcome::Unknown,
            _ if status.is_server_error() => Outcome::Failed,
            _ => Outcome::Refused,
        };
        let tried = actor.did("request.refuse").on(format!("{method} {path}"));
        let mut event = tried.ended(outcome).detail(slug);
        event.owner = trail.0.owner.get().cloned().or_else(|| owner_of(&path));
        audit.refused(event);
    }
    response
}

fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// The owner in a path, whoever it belongs to: who was tried is what its auditor wants to know.
fn owner_of(path: &str) -> Option<OwnerKey> {
    let mut segments = path.split('/').skip_while(|segment| *segment != "owners");
    let key = percent_decode_str(segments.nth(1)?).decode_utf8().ok()?;
    key.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::owner_of;

    #[test]
    fn the_owner_is_found_in_the_path() {
        let owner = |path| owner_of(path).map(|owner| owner.to_string());
        assert_eq!(owner("/owners/acme/imports").as_deref(), Some("acme"));
        assert_eq!(owner("/candlepin/owners/acme").as_deref(), Some("acme"));
        assert_eq!(owner("/owners/%61cme").as_deref(), Some("acme"));
        assert_eq!(owner("/owners/a%20b"), None);
        assert_eq!(owner("/owners"), None);
        assert_eq!(owner("/upstream_cas/owners"), None);
    }
}
