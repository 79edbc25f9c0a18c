//! OSTree repositories as an edge must know them: which commits need a token, and which refs a commit is of.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    ids::{CollectionId, CommitId, RefName},
    lines::{FromLine, LineFault, read_object},
};

/// Bytes of a commit's refs at most: they all stand in one header of an answer, and proxies take 4 to 8 KiB
/// of headers.
pub const LONGEST_REFS: usize = 3 << 10;

/// `xa.token-type`: what a repository asks of who wants a commit. The numbers mean what the repository's
/// owner says.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "i64", into = "i32")]
pub struct TokenType(i32);

/// A number that is no token type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a token type must be 0 to 2147483647")]
pub struct InvalidTokenType;

/// How a repository decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoSettings {
    /// The collection whose refs it has.
    pub collection: CollectionId,
    /// Commits of these types need a token.
    pub require_auth_for_token_types: BTreeSet<TokenType>,
    /// The type of a commit that says none.
    pub default_token_type: TokenType,
}

/// What is known of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its token type; none for the repository's default.
    pub token_type: Option<TokenType>,
    /// The refs that it is of: one at least.
    pub refs: BTreeSet<RefName>,
}

/// A line of a sync (NDJSON): `{"commit":"<sha256>","refs":["…"],"tokenType":1}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitLine {
    /// The commit.
    pub commit: CommitId,
    /// What is known of it.
    pub facts: CommitFacts,
}

impl TokenType {
    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl TryFrom<i64> for TokenType {
    type Error = InvalidTokenType;

    fn try_from(number: i64) -> Result<Self, InvalidTokenType> {
        let number = i32::try_from(number).ok().filter(|number| *number >= 0);
        number.map(Self).ok_or(InvalidTokenType)
    }
}

impl From<TokenType> for i32 {
    fn from(kind: TokenType) -> Self {
        kind.0
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl RepoSettings {
    /// Whether any commit here may need a token: then one that nobody told of is refused.
    #[must_use]
    pub fn requires_tokens(&self) -> bool {
        !self.require_auth_for_token_types.is_empty()
    }
}

#[derive(Deserialize)]
// A misspelt tokenType would leave a paid commit with the repository's default.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    commit: CommitId,
    refs: BTreeSet<RefName>,
    token_type: Option<TokenType>,
}

impl FromLine for CommitLine {
    const LONGEST: usize = 8 << 10;
    const EXAMPLE: &'static str = r#"{"commit":"<sha256>","refs":["…"]}"#;

    fn from_line(line: &[u8]) -> Result<Self, LineFault> {
        let line: Line = read_object::<Self, _>(line)?;
        if line.refs.is_empty() {
            // Nobody could have it, but with a token for all there is.
            return Err(LineFault::Other(
                "refs is empty; name the refs that the commit is of".to_owned(),
            ));
        }
        let bytes: usize = line.refs.iter().map(|name| name.as_str().len() + 2).sum();
        if bytes > LONGEST_REFS {
            return Err(LineFault::Other(format!(
                "refs has more than {LONGEST_REFS} bytes"
            )));
        }
        Ok(Self {
            commit: line.commit,
            facts: CommitFacts {
                token_type: line.token_type,
                refs: line.refs,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_commit_with_refs() {
        let commit = "0f".repeat(32);
        let read = |rest: &str| {
            let line = format!("{{\"commit\":\"{commit}\",{rest}}}");
            CommitLine::from_line(line.as_bytes()).map(|line| line.facts)
        };
        let facts = read(r#""refs":["b","a","a"],"tokenType":7"#).unwrap();
        assert_eq!(facts.token_type, Some(TokenType(7)));
        let refs: Vec<_> = facts.refs.iter().map(RefName::as_str).collect();
        assert_eq!(refs, ["a", "b"]);
        assert_eq!(
            read(r#""refs":["a"],"tokenType":null"#).unwrap().token_type,
            None
        );
        for (bad, why) in [
            (r#""refs":[]"#, "refs is empty"),
            (r#""refs":["a b"]"#, "a ref must be"),
            (r#""refs":"a""#, "invalid type"),
            (r#""refs":["a"],"tokenType":-1"#, "a token type must be"),
            (
                r#""refs":["a"],"tokenType":4294967296"#,
                "a token type must be",
            ),
            (r#""refs":["a"],"token_type":1"#, "unknown field"),
            (r#""tokenType":1"#, "missing field `refs`"),
        ] {
            let said = read(bad).unwrap_err().to_string();
            assert!(said.contains(why), "{bad}: {said}");
        }
        let many: Vec<String> = (0..=LONGEST_REFS / 5)
            .map(|n| format!("\"r{n}\""))
            .collect();
        assert!(read(&format!("\"refs\":[{}]", many.join(","))).is_err());
        assert!(CommitLine::from_line(b"[\"a\",[\"b\"],null]").is_err());
    }
}
