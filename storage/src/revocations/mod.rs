//! What was revoked. Rows are numbered in the order in which they are committed, so that a node that
//! knows all up to a number asks for what is behind it.

mod read;
mod revoke;
mod tokens;

use portolan_domain::token::{Revocation, Revoked, RevokedName};

pub use read::RevocationPage;
pub use revoke::NewRevocation;
pub use tokens::KnownToken;

use crate::{
    entity::revocations,
    error::{Result, StorageError},
};

const JTI: &str = "jti";
const SUB: &str = "sub";
const USER: &str = "user";
const ISSUED_BEFORE: &str = "issued-before";

/// Kind and value of a row: there is one of each.
type Key = (&'static str, String);

fn key(what: &Revoked) -> Key {
    match what {
        Revoked::Jti(name) => (JTI, name.as_str().to_owned()),
        Revoked::Sub(name) => (SUB, name.as_str().to_owned()),
        Revoked::User(name) => (USER, name.as_str().to_owned()),
        Revoked::IssuedBefore(_) => (ISSUED_BEFORE, String::new()),
    }
}

fn revocation(row: &revocations::Model) -> Result<Revocation> {
    let name = |value: &str| {
        RevokedName::try_from(value.to_owned()).map_err(|_| corrupt("value", &row.kind))
    };
    let what = match row.kind.as_str() {
        JTI => Revoked::Jti(name(&row.value)?),
        SUB => Revoked::Sub(name(&row.value)?),
        USER => Revoked::User(name(&row.value)?),
        ISSUED_BEFORE => {
            let instant = row.issued_before;
            Revoked::IssuedBefore(instant.ok_or_else(|| corrupt("issued_before", &row.kind))?)
        }
        _ => return Err(corrupt("kind", &row.kind)),
    };
    Ok(Revocation {
        what,
        at: row.at,
        expires_at: row.expires_at,
    })
}

fn corrupt(column: &'static str, kind: &str) -> StorageError {
    StorageError::Corrupt {
        table: "revocations",
        column,
        row: kind.to_owned(),
    }
}
