//! What a local subscription system registers: that an entitlement of its own comes from a pool, from an
//! upstream entitlement, or from the owner as a whole. Alone, or as the lines of a batch (NDJSON).

use serde::Deserialize;
use thiserror::Error;

use crate::{
    ids::{EntitlementId, PoolId},
    lines::{FromLine, LineFault, read_object},
};

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

#[derive(Deserialize)]
// A misspelt poolId would register the entitlement for the owner as a whole.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    id: EntitlementId,
    pool_id: Option<PoolId>,
    upstream_entitlement_id: Option<EntitlementId>,
}

impl FromLine for Registration {
    /// The longest that says something has some 300 bytes.
    const LONGEST: usize = 4096;
    const EXAMPLE: &'static str = r#"{"id":"…","poolId":"…"}"#;

    fn from_line(line: &[u8]) -> Result<Self, LineFault> {
        let line: Line = read_object::<Self, _>(line)?;
        let source = Source::of(line.pool_id, line.upstream_entitlement_id);
        Ok(Self {
            id: line.id,
            source: source.map_err(|why| LineFault::Other(why.to_string()))?,
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
        assert_eq!(both, Err(LineFault::Other(TwoSources.to_string())));
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
            assert_eq!(
                source(line),
                Err(LineFault::NoObject(Registration::EXAMPLE)),
                "{line}"
            );
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
        let long = format!("{{\"id\":\"a\"{}}}", " ".repeat(Registration::LONGEST));
        assert_eq!(
            source(&long),
            Err(LineFault::TooLong(Registration::LONGEST))
        );
    }
}
