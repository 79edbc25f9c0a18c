//! Who may call, as types in handlers' signatures: a handler that takes [`Manager`] cannot be reached
//! by a proxy's key, and one that takes none of these is public by decision.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, Credential, Role};

use super::{authenticate::authenticate, keyring::Known};
use crate::{audit::Trail, problem::Problem, state::AppState};

/// A caller with a valid credential.
#[derive(Clone)]
pub struct Caller {
    /// Who it is, for what it changes.
    pub by: Actor,
    known: Arc<Known>,
    trail: Option<Trail>,
}

/// `admin`.
pub struct Admin(pub Caller);
/// `manager`, or `admin`.
pub struct Manager(pub Caller);
/// `proxy`, `manager` or `admin`: who reads what a content proxy needs, private keys among it.
pub struct Reader(pub Caller);
/// `auditor`, `manager` or `admin`: who reads everything else.
pub struct Viewer(pub Caller);
/// `issuer`, or `admin`: who says who may have what, and gives tokens for it.
pub struct Issuer(pub Caller);
/// `issuer`, `proxy` or `admin`: who asks what a token says.
pub struct Introspector(pub Caller);
/// `issuer`, `auditor` or `admin`: who reads what issuers said.
pub struct IssuerOrAuditor(pub Caller);
/// `auditor` or `admin`: who reads what everybody did.
pub struct Auditor(pub Caller);

impl Caller {
    pub(super) fn new(known: Arc<Known>, by: Actor, trail: Option<Trail>) -> Self {
        Self { by, known, trail }
    }

    /// What it may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.known.credential.role
    }

    /// The owners it is bound to; none where it counts for all.
    #[must_use]
    pub fn only_owners(&self) -> Option<&[OwnerKey]> {
        only_owners(&self.known.credential)
    }

    /// Lets the caller on to what belongs to `owner`.
    ///
    /// # Errors
    /// 403, never 404: to a proxy that would mean "revoked".
    pub fn check_owner(&self, owner: &OwnerKey) -> Result<(), Problem> {
        match self.only_owners() {
            Some(owners) if !owners.contains(owner) => {
                if let Some(trail) = &self.trail {
                    trail.concerns(owner);
                }
                let detail = "This credential is bound to other owners. Use one of this owner's.";
                Err(forbidden(detail))
            }
            _ => Ok(()),
        }
    }

    /// Lets the caller on to what belongs to no owner, and reaches over all.
    ///
    /// # Errors
    /// 403, where it is bound to owners.
    pub fn check_unbound(&self) -> Result<(), Problem> {
        if self.only_owners().is_none() {
            return Ok(());
        }
        let detail = "This credential is bound to owners, and tokens belong to none: this reaches over \
                      those of all. Use one that is bound to no owner.";
        Err(forbidden(detail))
    }
}

fn only_owners(credential: &Credential) -> Option<&[OwnerKey]> {
    let owners = &credential.owners;
    let bound = credential.role != Role::Admin && !owners.is_empty();
    bound.then_some(owners)
}

/// Whether a credential reaches what belongs to `owner`.
#[must_use]
pub fn may_read(credential: &Credential, owner: &OwnerKey) -> bool {
    only_owners(credential).is_none_or(|owners| owners.contains(owner))
}

async fn caller(parts: &mut Parts, state: &AppState, allowed: &[Role]) -> Result<Caller, Problem> {
    let caller = authenticate(parts, state).await?;
    if allowed.contains(&caller.role()) {
        return Ok(caller);
    }
    let allowed: Vec<_> = allowed.iter().map(|role| role.as_str()).collect();
    let detail = format!(
        "This needs the role {}; the credential has {}.",
        allowed.join(" or "),
        caller.role().as_str()
    );
    Err(forbidden(detail))
}

/// 403: the role lacks, or it is another owner's.
pub fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "The credential does not allow this",
        detail,
    )
}

macro_rules! by_role {
    ($name:ident, $($role:ident),+) => {
        impl $name {
            /// The roles that may.
            pub const ROLES: &'static [Role] = &[$(Role::$role),+];
        }

        impl FromRequestParts<AppState> for $name {
            type Rejection = Problem;
            async fn from_request_parts(
                parts: &mut Parts,
                state: &AppState,
            ) -> Result<Self, Problem> {
                caller(parts, state, Self::ROLES).await.map(Self)
            }
        }
    };
}

by_role!(Admin, Admin);
by_role!(Manager, Admin, Manager);
by_role!(Reader, Admin, Manager, Proxy);
by_role!(Viewer, Admin, Manager, Auditor);
by_role!(Issuer, Admin, Issuer);
by_role!(Introspector, Admin, Issuer, Proxy);
by_role!(IssuerOrAuditor, Admin, Issuer, Auditor);
by_role!(Auditor, Admin, Auditor);
