//! What a token for a registry says that its bearer may do (distribution's token authentication specification).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Action, Directory, Resource, Scope, Subject};

/// Bytes of all entries at most: a token goes into a header, which servers take up to 8 or 16 KiB.
const MOST: usize = 6 << 10;
/// Bytes of an entry around its name.
const AROUND: usize = 54;

/// One entry of the claim `access`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The resource's type: `repository`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What may be done with it.
    pub actions: Vec<String>,
}

impl Access {
    /// Leave to pull a repository.
    #[must_use]
    pub fn to_pull(name: &str) -> Self {
        Self {
            kind: "repository".to_owned(),
            name: name.to_owned(),
            actions: vec![Action::Pull.as_str().to_owned()],
        }
    }

    /// Whether it lets its bearer pull this repository.
    #[must_use]
    pub fn lets_pull(&self, name: &str) -> bool {
        let pull = Action::Pull.as_str();
        self.kind == "repository" && self.name == name && self.actions.iter().any(|one| one == pull)
    }
}

/// What is asked and may be had: pulling, and nothing else. The rest is left out: the registry's own catalog too,
/// which would name every repository to everybody, and what would make the token too large.
#[must_use]
pub fn granted(
    asked: impl IntoIterator<Item = Scope>,
    directory: &Directory,
    subject: &Subject,
) -> Vec<Access> {
    let (mut granted, mut known, mut bytes) = (Vec::new(), HashSet::new(), 0);
    for scope in asked {
        let Resource::Repository(name) = &scope.resource else {
            continue;
        };
        let pulls = scope.actions.iter();
        let mut pulls = pulls.filter(|action| matches!(action, Action::Pull | Action::All));
        let asks = pulls.next().is_some() && !known.contains(name);
        let size = name.len() + AROUND;
        if asks && bytes + size <= MOST && directory.may_pull(subject, name) {
            bytes += size;
            known.insert(name.clone());
            granted.push(Access::to_pull(name));
        }
    }
    granted
}
