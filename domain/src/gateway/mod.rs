//! The container gateway: who may pull which repository of a registry.

mod kid;
mod numbers;
mod scope;

pub use kid::{libtrust_kid, rfc7638_thumbprint};
pub use numbers::NumberSet;
pub use scope::{Action, Resource, Scope};
