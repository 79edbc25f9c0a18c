//! Scopes as registry clients ask for them, and `access` as registries read it (distribution's token
//! authentication specification).

use std::collections::BTreeSet;

/// What may be done with a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read it.
    Pull,
    /// Write it.
    Push,
    /// Delete it.
    Delete,
    /// Everything.
    All,
    /// What nobody here knows: it is never granted.
    Other(String),
}

/// What a scope is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A repository, by its name.
    Repository(String),
    /// The list of repositories: `registry:catalog`.
    Catalog,
    /// What nobody here knows: it is never granted.
    Other {
        /// Its type.
        kind: String,
        /// Its name.
        name: String,
    },
}

/// One thing that a client asks for: `repository:a/b:pull,push`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Of what.
    pub resource: Resource,
    /// What.
    pub actions: BTreeSet<Action>,
}

impl Action {
    /// Reads an action's word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "pull" => Self::Pull,
            "push" => Self::Push,
            "delete" => Self::Delete,
            "*" => Self::All,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Its word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
            Self::Other(word) => word,
        }
    }
}

impl Scope {
    /// Reads the scopes of one parameter: several have spaces between them. What has not three parts is
    /// left out, since what may not be had is left out, too, and is no error.
    pub fn read(parameter: &str) -> impl Iterator<Item = Self> {
        parameter.split(' ').filter_map(Self::of)
    }

    /// Split at the first colon and at the last: a name may hold one for host and port.
    fn of(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        if name.is_empty() {
            return None;
        }
        // A class may follow the type: `repository(plugin)`.
        let plain = kind.split('(').next().unwrap_or(kind);
        let resource = match (plain, name) {
            ("repository", _) => Resource::Repository(name.to_owned()),
            ("registry", "catalog") => Resource::Catalog,
            _ => Resource::Other {
                kind: kind.to_owned(),
                name: name.to_owned(),
            },
        };
        let actions = actions.split(',').filter(|word| !word.is_empty());
        Some(Self {
            resource,
            actions: actions.map(Action::of).collect(),
        })
    }
}
