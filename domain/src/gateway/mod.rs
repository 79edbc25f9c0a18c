//! The container gateway: who may pull which repository of a registry.

mod access;
mod directory;
mod feed;
mod kid;
mod numbers;
mod scope;

pub use access::{Access, granted};
pub use directory::{ChangedHolder, ChangedRepository, Changes, Directory, Subject};
pub use feed::{FedRepository, FeedError, MappingFeed, is_name};
pub use kid::{libtrust_kid, rfc7638_thumbprint};
pub use numbers::NumberSet;
pub use scope::{Action, Resource, Scope};
