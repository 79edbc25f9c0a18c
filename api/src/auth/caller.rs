//! Who may call, as types in handlers' signatures: a handler that takes [`Manager`] cannot be reached
//! by a proxy's key, and one that takes none of these is public by decision.

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
};
use portolan_domain::ids::OwnerKey;
use portolan_storage::Role;

use crate::{problem::Problem, state::AppState};

/// A caller with a valid credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The credential's name, as records show it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The owners it is bound to; empty means all.
    pub owners: Vec<OwnerKey>,
}

/// `admin`.
pub struct Admin(pub Caller);
/// `manager`, or `admin`.
pub struct Manager(pub Caller);
/// `proxy`, `manager` or `admin`: who reads what a content proxy needs.
pub struct Reader(pub Caller);

impl Caller {
    /// The owners it is bound to; none where it counts for all.
    #[must_use]
    pub fn only_owners(&self) -> Option<&[OwnerKey]> {
        let bound = self.role != Role::Admin && !self.owners.is_empty();
        bound.then_some(&self.owners)
    }

    /// Lets the caller on to what belongs to `owner`.
    ///
    /// # Errors
    /// 403, never 404: to a proxy that would mean "revoked".
    pub fn check_owner(&self, owner: &OwnerKey) -> Result<(), Problem> {
        match self.only_owners() {
            Some(owners) if !owners.contains(owner) => Err(forbidden(
                "This credential is bound to other owners. Use one of this owner's.",
            )),
            _ => Ok(()),
        }
    }
}

async fn caller(parts: &mut Parts, state: &AppState, allowed: &[Role]) -> Result<Caller, Problem> {
    let caller = state.keyring.authenticate(&parts.headers).await?;
    if allowed.contains(&caller.role) {
        return Ok(caller);
    }
    let allowed: Vec<_> = allowed.iter().map(|role| role.as_str()).collect();
    let detail = format!(
        "This needs the role {}; the credential has {}.",
        allowed.join(" or "),
        caller.role.as_str()
    );
    Err(forbidden(detail))
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "The credential does not allow this",
        detail,
    )
}

/// 401, with the challenge that RFC 9110 asks for.
pub(super) fn unauthorized(detail: &str, error: Option<&str>) -> Problem {
    let challenge = match error {
        Some("invalid_token") => r#"Bearer realm="portolan", error="invalid_token""#,
        _ => r#"Bearer realm="portolan""#,
    };
    let title = "There is no valid credential";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", title, detail).header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    )
}

macro_rules! by_role {
    ($name:ident, $($role:ident),+) => {
        impl FromRequestParts<AppState> for $name {
            type Rejection = Problem;
            async fn from_request_parts(
                parts: &mut Parts,
                state: &AppState,
            ) -> Result<Self, Problem> {
                caller(parts, state, &[$(Role::$role),+]).await.map(Self)
            }
        }
    };
}

by_role!(Admin, Admin);
by_role!(Manager, Admin, Manager);
by_role!(Reader, Admin, Manager, Proxy);
