//! Grants as they go out.

use std::collections::{BTreeMap, BTreeSet};

use portolan_domain::grants::Grant;
use serde::Serialize;
use utoipa::ToSchema;

use super::times::Timestamp;

/// Refs of one collection that a user may have, for as long.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Grant)]
pub struct GrantedRefs {
    /// The collection.
    pub collection_id: String,
    /// Patterns of its refs, in which `*` stands for exactly one whole segment.
    pub refs: Vec<String>,
    /// The instant from which they no longer count; null where they count for ever.
    pub until: Option<Timestamp>,
}

impl GrantedRefs {
    /// Grants by collection and end.
    #[must_use]
    pub fn all(grants: &BTreeSet<Grant>) -> Vec<Self> {
        let mut alike: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for grant in grants {
            let patterns = alike.entry((&grant.collection, grant.until)).or_default();
            patterns.push(grant.pattern.to_string());
        }
        let entry = |((collection, until), refs): ((&_, Option<_>), Vec<String>)| Self {
            collection_id: portolan_domain::ids::CollectionId::to_string(collection),
            refs,
            until: until.map(Timestamp),
        };
        alike.into_iter().map(entry).collect()
    }
}
