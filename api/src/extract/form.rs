//! Forms, as OAuth's endpoints take them (RFC 6749, appendix B).

use std::{collections::BTreeSet, error::Error};

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use super::body::{Whole, essence};
use crate::{problem::Problem, state::AppState};

/// A token, and what may stand beside it.
const FORM: Whole = Whole {
    name: "A form",
    media_type: "application/x-www-form-urlencoded",
    largest: 64 << 10,
};

/// The parameters of a form. Of one that is there twice, two readers could each take another for the right
/// one: it is refused. One without a value is left out (RFC 6749, section 3.1).
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        read(request, state, &[]).await.map(Self)
    }
}

/// A form in which scopes may stand one by one, as clients of registries send them: all else as in [`Form`].
pub struct ScopedForm<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for ScopedForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        read(request, state, &["scope"]).await.map(Self)
    }
}

async fn read<T: DeserializeOwned>(
    request: Request,
    state: &AppState,
    repeated: &[&str],
) -> Result<T, Problem> {
    if essence(request.headers()) != FORM.media_type {
        return Err(FORM.unsupported());
    }
    let bytes = FORM.read(request, state).await?;
    parse(&bytes, repeated).map_err(|why| invalid(&why))
}

fn parse<T: DeserializeOwned>(bytes: &[u8], repeated: &[&str]) -> Result<T, String> {
    let unreadable = |error: &dyn Error| format!("cannot be read: {error}");
    let pairs: Vec<(String, String)> =
        serde_html_form::from_bytes(bytes).map_err(|error| unreadable(&error))?;
    let mut names = BTreeSet::new();
    let once = |name: &str| !repeated.contains(&name);
    let mut singles = pairs.iter().filter(|(name, _)| once(name));
    if !singles.all(|(name, _)| names.insert(name)) {
        // Not said which: its name may be a secret that was put in the wrong place.
        return Err("has a parameter twice".to_owned());
    }
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    let given = serde_html_form::to_string(given.collect::<Vec<_>>());
    let given = given.map_err(|error| unreadable(&error))?;
    serde_html_form::from_str(&given).map_err(|error| unreadable(&error))
}

/// 400 in OAuth's words, too (RFC 6749, section 5.2).
fn invalid(why: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "bad-request",
        "The request is malformed",
        format!("The form {why}."),
    )
    .with("error", "invalid_request")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Asked {
        token: String,
        hint: Option<String>,
    }

    #[test]
    fn a_parameter_stands_in_a_form_once() {
        let read = |text: &str| parse::<Asked>(text.as_bytes(), &[]);
        let asked = |token: &str, hint: Option<&str>| {
            let (token, hint) = (token.to_owned(), hint.map(str::to_owned));
            Ok(Asked { token, hint })
        };
        assert_eq!(read("token=a%2Bb+c&other=x"), asked("a+b c", None));
        assert_eq!(read("hint=h&token=t"), asked("t", Some("h")));
        assert_eq!(read("token=t&hint="), asked("t", None));
        for bad in ["", "hint=h", "token=", "token=a&token=b", "token=a&x=1&x=2"] {
            let refused = read(bad);
            assert!(refused.is_err(), "{bad:?} was taken");
        }
        let scoped = parse::<Asked>(b"scope=a&token=t&scope=b", &["scope"]);
        assert_eq!(scoped, asked("t", None));
        assert!(parse::<Asked>(b"scope=a&token=t&token=u", &["scope"]).is_err());
    }
}
