//! `POST /ref_tokens`: `GetTokenForRequest`, as a Flatpak authenticator asks it for its user.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header},
};
use portolan_domain::{
    grants::Wanted,
    ids::{CollectionId, CommitId, RefName, UserName},
    repo::TokenType,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    auth::Issuer,
    extract::Json,
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    ref_tokens::{Issued, Request, issue},
    state::AppState,
    view::Timestamp,
};

/// Seconds that tokens last where nothing is said.
const DURATION: i64 = 600;
/// Seconds that they last at most.
const LONGEST: i64 = 24 * 60 * 60;
/// Refs of one request at most.
const MOST: usize = 10_000;
/// Bytes of an audience at most.
const LONGEST_AUD: usize = 255;

/// Who wants which refs.
#[derive(Debug, Deserialize, ToSchema)]
// A misspelt duration or aud would give more than was asked for.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefTokenRequest {
    /// The user, as the authority calls him.
    #[schema(value_type = String, min_length = 1, max_length = 255,
             pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    user: UserName,
    /// What the user's machine calls the repository. It is taken, and decides nothing.
    #[serde(default)]
    #[schema(required = false)]
    #[expect(dead_code, reason = "see above")]
    remote: Option<String>,
    /// The refs: 1 to 10000.
    #[schema(min_items = 1, max_items = 10000)]
    refs: Vec<WantedRef>,
    /// For how many seconds; 600 where it is left out. What a ref rests on may end it before.
    #[serde(default)]
    #[schema(required = false, minimum = 1, maximum = 86400, default = 600)]
    duration: Option<i64>,
    /// Where the tokens are to count, such as a repository's name; everywhere where it is left out.
    #[serde(default)]
    #[schema(required = false, min_length = 1, max_length = 255)]
    aud: Option<String>,
}

/// A ref that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedRef {
    /// Its collection.
    #[schema(value_type = String, max_length = 255,
             pattern = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$")]
    collection_id: CollectionId,
    /// The ref, such as `app/org.example.Game/x86_64/stable`.
    #[serde(rename = "ref")]
    #[schema(value_type = String, min_length = 1, max_length = 512,
             pattern = r"^(\.*[A-Za-z0-9_-][A-Za-z0-9._-]*|\.{3,})(/(\.*[A-Za-z0-9_-][A-Za-z0-9._-]*|\.{3,}))*$")]
    name: RefName,
    /// The commit that is wanted. A token is for all commits of its refs.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, pattern = r"^[0-9a-f]{64}$")]
    #[expect(dead_code, reason = "see above")]
    commit: Option<CommitId>,
    /// The commit's token type. It decides nothing: whoever asks may say what he likes.
    #[serde(default)]
    #[schema(value_type = Option<i32>, required = false, minimum = 0)]
    #[expect(dead_code, reason = "see above")]
    token_type: Option<TokenType>,
}

/// The tokens, in the shape that a Flatpak authenticator answers with.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefTokens {
    /// Each token with its refs: of one collection, at most 200.
    pub tokens: BTreeMap<String, Vec<String>>,
    /// The refs that are in no token.
    pub denied: Vec<DeniedRef>,
    /// The token server: the claim `iss`.
    pub issuer: String,
    /// When the first of the tokens ends; null where there is none.
    pub expires: Option<Timestamp>,
}

/// A ref that is in no token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeniedRef {
    /// Its collection.
    pub collection_id: String,
    /// The ref.
    #[serde(rename = "ref")]
    pub name: String,
    /// Why.
    pub reason: &'static str,
}

/// Gives a user tokens for refs: signed, so that any content server or peer verifies them by itself.
#[utoipa::path(
    post,
    path = "/ref_tokens",
    operation_id = "create_ref_tokens",
    tag = "tokens",
    request_body = RefTokenRequest,
    responses(
        (status = 200, body = RefTokens, description = "The tokens, and what was denied."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_ref_tokens(
    Issuer(caller): Issuer,
    State(state): State<AppState>,
    Json(body): Json<RefTokenRequest>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<RefTokens>), Problem> {
    let request = body.checked()?;
    let issued = issue(&state, request, caller.only_owners()).await?;
    let answer = RefTokens::of(issued, state.tokens.issuer());
    // Whoever kept it could use it.
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([no_store], Json(answer)))
}

impl RefTokenRequest {
    fn checked(self) -> Result<Request, Problem> {
        let bad = |why: String| Err(Problem::bad_request(why));
        let duration = self.duration.unwrap_or(DURATION);
        if !(1..=LONGEST).contains(&duration) {
            return bad(format!("The duration must be 1 to {LONGEST} seconds."));
        }
        if !(1..=MOST).contains(&self.refs.len()) {
            return bad(format!(
                "There must be 1 to {MOST} refs; ask for others apart."
            ));
        }
        let is_audience = |aud: &String| {
            (1..=LONGEST_AUD).contains(&aud.len()) && !aud.chars().any(char::is_control)
        };
        if !self.aud.as_ref().is_none_or(is_audience) {
            return bad(format!(
                "The audience must be 1 to {LONGEST_AUD} bytes of printable characters."
            ));
        }
        let refs: BTreeSet<Wanted> = self.refs.into_iter().map(Wanted::from).collect();
        Ok(Request {
            user: self.user,
            refs,
            duration,
            aud: self.aud,
        })
    }
}

impl From<WantedRef> for Wanted {
    fn from(wanted: WantedRef) -> Self {
        Self {
            collection: wanted.collection_id,
            name: wanted.name,
        }
    }
}

impl RefTokens {
    fn of(given: Issued, issuer: &str) -> Self {
        let names = |refs: Vec<RefName>| refs.into_iter().map(String::from).collect();
        let tokens = given.tokens.into_iter();
        let denied = given.denied.into_iter().map(|(wanted, denial)| DeniedRef {
            collection_id: wanted.collection.into(),
            name: wanted.name.into(),
            reason: denial.0,
        });
        Self {
            tokens: tokens.map(|(token, refs)| (token, names(refs))).collect(),
            denied: denied.collect(),
            issuer: issuer.to_owned(),
            expires: given.expires.map(Timestamp),
        }
    }
}
