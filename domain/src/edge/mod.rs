//! What an edge asks before it hands out a file of an OSTree repository: which commit a URL is of, whether
//! that needs a token, and whether a token is enough.

mod access;
mod delta;
mod need;
mod resource;

pub use access::{NotEnough, check_access};
pub(crate) use delta::target;
pub use need::{Need, need};
pub use resource::{InvalidUri, Resource};
