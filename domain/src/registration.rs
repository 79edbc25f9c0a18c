//! What a local subscription system registers: that an entitlement of its own comes from a pool, from an
//! upstream entitlement, or from the owner as a whole. Alone, or as the lines of a batch (NDJSON).

use serde::Deserialize;
use thiserror::Error;

use crate::ids::{EntitlementId, PoolId};

/// Where a downstream entitlement comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The owner as a whole: simple content access, where the id is a consumer's uuid.
    Owner,
    /// One of the owner's pools.
    Pool(PoolId),
    /// One of the owner's upstream entitlements, and its pool once it is renewed.
    Upstream(EntitlementId),
}

/// Both a pool and an upstream entitlement were named: they could contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("poolId and upstreamEntitlementId are given both; leave one of them out")]
pub struct TwoSources;

impl Source {
    /// The source that is named.
    ///
    /// # Errors
    /// [`TwoSources`].
    pub fn of(pool: Option<PoolId>, upstream: Option<EntitlementId>) -> Result<Self, TwoSources> {
        match (pool, upstream) {
            (None, None) => Ok(Self::Owner),
            (Some(pool), None) => Ok(Self::Pool(pool)),
            (None, Some(upstream)) => Ok(Self::Upstream(upstream)),
            (Some(_), Some(_)) => Err(TwoSources),
        }
    }
}

/// A downstream entitlement to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its id.
    pub id: EntitlementId,
    /// Where it comes from.
    pub source: Source,
}

/// Bytes of a line of a batch at most. The longest that says something has some 300.
pub const LONGEST_LINE: usize = 4096;

/// Why a line of a batch is no registration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineFault {
    /// It has more bytes than a line may have.
    #[error("it is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// It is JSON, and no object.
    #[error(r#"it is no JSON object such as {{"id":"…","poolId":"…"}}"#)]
    NoObject,
    /// It is no JSON, has another field, or an id that is none.
    #[error("{0}")]
    Json(String),
    /// It names two sources.
    #[error(transparent)]
    TwoSources(#[from] TwoSources),
}

#[derive(Deserialize)]
// A misspelt poolId would register the entitlement for the owner as a whole.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    id: EntitlementId,
    pool_id: Option<PoolId>,
    upstream_entitlement_id: Option<EntitlementId>,
}

impl Registration {
    /// Reads a line of a batch.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_line(line: &[u8]) -> Result<Self, LineFault> {
        if line.len() > LONGEST_LINE {
            return Err(LineFault::TooLong);
        }
        // Serde takes a list for an object, too, field by field.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err(LineFault::NoObject);
        }
        let line: Line = serde_json::from_slice(line).map_err(|error| {
            // "at line 1": the line of a batch is counted by whoever reads the batch.
            let text = error.to_string();
            let words = text.rsplit_once(" at line ").map(|(words, _)| words);
            LineFault::Json(words.unwrap_or(&text).to_owned())
        })?;
        Ok(Self {
            id: line.id,
            source: Source::of(line.pool_id, line.upstream_entitlement_id)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(line: &str) -> Result<Source, LineFault> {
        Registration::from_line(line.as_bytes()).map(|registration| registration.source)
    }

    #[test]
    fn a_line_names_one_source_or_none() {
        let pool = Source::Pool("p".parse().unwrap());
        assert_eq!(source(r#"{"id":"a","poolId":"p"}"#), Ok(pool.clone()));
        assert_eq!(source(" {\"poolId\":\"p\",\"id\":\"a\"}\r"), Ok(pool));
        let upstream = Source::Upstream("e".parse().unwrap());
        assert_eq!(
            source(r#"{"id":"a","upstreamEntitlementId":"e","poolId":null}"#),
            Ok(upstream)
        );
        assert_eq!(source(r#"{"id":"a"}"#), Ok(Source::Owner));
        let both = source(r#"{"id":"a","poolId":"p","upstreamEntitlementId":"e"}"#);
        assert_eq!(both, Err(LineFault::TwoSources(TwoSources)));
    }

    #[test]
    fn what_is_no_registration_is_refused() {
        for line in [
            "[\"a\",\"p\",null]",
            "\"a\"",
            "null",
            "7",
            "x",
            "\u{feff}{\"id\":\"a\"}",
        ] {
            assert_eq!(source(line), Err(LineFault::NoObject), "{line}");
        }
        for (line, why) in [
            (r#"{"poolId":"p"}"#, "missing field `id`"),
            (r#"{"id":"a","pool":"p"}"#, "unknown field `pool`"),
            (r#"{"id":"a","id":"b"}"#, "duplicate field `id`"),
            (r#"{"id":"a b"}"#, "an entitlement id must be"),
            (r#"{"id":"a","poolId":"ä"}"#, "a pool id must be"),
            (r#"{"id":7}"#, "invalid type"),
            (r#"{"id":"a"} {"id":"b"}"#, "trailing characters"),
            (r#"{"id":"a""#, "EOF"),
        ] {
            match source(line) {
                Err(LineFault::Json(said)) => {
                    assert!(said.contains(why) && !said.contains(" at line "), "{said}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
        assert!(Registration::from_line(b"{\"id\":\"\xff\"}").is_err());
        let long = format!("{{\"id\":\"a\"{}}}", " ".repeat(LONGEST_LINE));
        assert_eq!(source(&long), Err(LineFault::TooLong));
    }
}
