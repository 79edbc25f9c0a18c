//! The ids that a manifest named, as digests: half a million of them must fit the memory budget.

use std::collections::HashSet;

use portolan_domain::digest::Sha256Digest;

#[derive(Default)]
pub(super) struct Seen(HashSet<Sha256Digest>);

impl Seen {
    /// Whether the id is new here.
    pub fn insert(&mut self, id: &str) -> bool {
        self.0.insert(Sha256Digest::of(id.as_bytes()))
    }

    /// Those of these ids that the manifest did not name.
    pub fn missing(&self, ids: Vec<String>) -> Vec<String> {
        let named = |id: &String| self.0.contains(&Sha256Digest::of(id.as_bytes()));
        ids.into_iter().filter(|id| !named(id)).collect()
    }
}
