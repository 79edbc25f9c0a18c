//! Edges: proxies and CDNs that ask which token a URL needs, or whether the one at hand is enough.

mod authorize;
mod bearer;
mod cache;
mod headers;
mod refusal;

pub use authorize::{authorize, authorize_from_memory};
pub use cache::{Edges, Found};
pub use headers::{Asked, X_FLATPAK_REQUESTED_REF, X_TOKEN_TYPE, one, requested_refs};
pub use refusal::{read_uri, refused, unknown};
