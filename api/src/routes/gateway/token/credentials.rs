//! A user name and a password in the header `Authorization` (RFC 7617).

use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use portolan_domain::gateway::is_name;
use zeroize::Zeroizing;

use crate::{
    gateway::{Credentials, LoginError},
    problem::Problem,
};

/// What the header says.
pub enum Authorized {
    /// It is not there, says nothing, or is another scheme's.
    Not,
    /// A user, with a password.
    By(Credentials),
}

/// Reads the header.
///
/// # Errors
/// 401 where it says who, and cannot be read.
pub fn authorized(headers: &HeaderMap) -> Result<Authorized, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(Authorized::Not);
    };
    let value = value.to_str().map_err(|_| LoginError::Wrong)?;
    let (scheme, pair) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(Authorized::Not);
    }
    // Two of them: which one another reader would take is not known.
    if values.next().is_some() {
        return Err(LoginError::Wrong.into());
    }
    let pair = BASE64_STANDARD.decode(pair.trim()).map(Zeroizing::new);
    let pair = pair.map_err(|_| LoginError::Wrong)?;
    let pair = std::str::from_utf8(&pair).map_err(|_| LoginError::Wrong)?;
    let (name, password) = pair.split_once(':').ok_or(LoginError::Wrong)?;
    // So some clients say that they have none.
    if name.is_empty() && password.is_empty() {
        return Ok(Authorized::Not);
    }
    credentials(name, password).map(Authorized::By)
}

/// A user name and a password as they were sent.
///
/// # Errors
/// 401 where the name can be nobody's.
pub fn credentials(name: &str, password: &str) -> Result<Credentials, Problem> {
    if !is_name(name) {
        return Err(LoginError::Wrong.into());
    }
    Ok(Credentials {
        name: name.into(),
        password: Zeroizing::new(password.to_owned()),
    })
}
