//! What the container gateway is fed: repositories, and who may pull which. Each feed replaces a whole list in
//! one transaction; readers take a snapshot of all of it, and never see half.

mod holders;
mod repositories;
mod snapshot;

use std::collections::BTreeMap;

pub use snapshot::{GatewayRepository, GatewaySnapshot};

/// Repositories as a feed names them: whether each needs a token.
pub type FedRepositories = BTreeMap<String, bool>;

/// Whose repositories a feed says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
