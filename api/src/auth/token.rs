//! Routes that carry their own token: who calls is what the token says, and no API key counts there.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use portolan_domain::token::TokenKind;
use portolan_storage::{Actor, PrincipalKind};

use super::authenticate::address_of;
use crate::{
    problem::{Problem, RequestId, invalid_token},
    state::AppState,
    tokens::Verified,
};

/// A verified token that may have children: one for access, or one of flat-manager's.
pub struct ParentToken(pub Verified);

impl FromRequestParts<AppState> for ParentToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let prefix = state.config.tokens.strip_prefix.as_deref();
        let token = bearer(&parts.headers, prefix)?;
        let accepted = [TokenKind::Access, TokenKind::FlatManager];
        Ok(Self(state.tokens.verify(token, &accepted).await?))
    }
}

/// The holder of a token, for what it changes. Its name is what tells it from others: never the token.
pub(super) fn holder(token: &Verified, parts: &Parts, state: &AppState) -> Actor {
    let claims = &token.claims;
    let name = claims.jti.as_ref().or(claims.name.as_ref());
    Actor {
        kind: PrincipalKind::Token,
        name: name.unwrap_or(&claims.sub).clone(),
        address: address_of(parts, state),
        request_id: parts
            .extensions
            .get()
            .map(|id: &RequestId| id.0.to_string()),
        at: state.clock.now(),
    }
}

/// The token of the header `Authorization`, without what clients may put before it.
///
/// # Errors
/// 401 where there is none, or more than one.
pub fn bearer<'a>(headers: &'a HeaderMap, prefix: Option<&str>) -> Result<&'a str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next(), values.next()) else {
        return Err(invalid_token(
            "There are two Authorization headers. Send one.",
        ));
    };
    let value = value.ok_or_else(|| {
        invalid_token("There is no token. Send it as Authorization: Bearer <token>.")
    })?;
    let not_bearer =
        || invalid_token("The Authorization header is not Bearer. Send Bearer <token>.");
    let text = value.to_str().map_err(|_| not_bearer())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(not_bearer)?;
    // The scheme's case does not count (RFC 9110, section 11.1).
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(not_bearer());
    }
    let token = token.trim_start_matches(' ');
    Ok(prefix
        .and_then(|prefix| token.strip_prefix(prefix))
        .unwrap_or(token))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&str], prefix: Option<&str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        bearer(&headers, prefix).ok().map(str::to_owned)
    }

    #[test]
    fn one_bearer_token_is_read_and_a_configured_prefix_goes() {
        assert_eq!(read(&["Bearer a.b.c"], None).as_deref(), Some("a.b.c"));
        assert_eq!(read(&["bearer  a.b.c"], None).as_deref(), Some("a.b.c"));
        let prefix = Some("FLATHUB_TOKEN_");
        for sent in ["Bearer FLATHUB_TOKEN_a.b.c", "Bearer a.b.c"] {
            assert_eq!(read(&[sent], prefix).as_deref(), Some("a.b.c"), "{sent}");
        }
        for bad in [
            &[][..],
            &["Basic a"],
            &["Bearer"],
            &["a.b.c"],
            &["Bearer a", "Bearer a"],
        ] {
            assert_eq!(read(bad, None), None, "{bad:?}");
        }
    }
}
