//! The container gateway: what it is fed (repositories, and who may pull which), who may log in, and the tokens
//! that are about. Each feed replaces a whole list in one transaction; nodes read what it changed, all of it at
//! one moment.

mod accounts;
mod changes;
mod holders;
mod logins;
mod repositories;
mod tokens;

use std::collections::BTreeMap;

pub use accounts::GatewayAccount;
pub use tokens::{GatewayToken, NewGatewayToken, TokenPurpose};

use crate::error::StorageError;

/// Repositories as a feed names them: whether each needs a token.
pub type FedRepositories = BTreeMap<String, bool>;

/// Whose repositories a feed says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HolderKind {
    /// Users, by name.
    User,
    /// Hosts, by their consumer's uuid.
    Host,
}

/// What becomes of those whom a feed does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They have nothing any more.
    Removed,
    /// They keep what they have.
    Kept,
}

impl HolderKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Host => "host",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::User, Self::Host];
        all.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What the audit log calls a change of theirs.
    const fn action(self) -> &'static str {
        match self {
            Self::User => "gateway.users",
            Self::Host => "gateway.hosts",
        }
    }
}

fn corrupt(table: &'static str, column: &'static str, row: &str) -> StorageError {
    StorageError::Corrupt {
        table,
        column,
        row: row.to_owned(),
    }
}
