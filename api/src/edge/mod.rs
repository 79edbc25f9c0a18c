//! Edges: proxies and CDNs that ask which token a URL needs, or whether the one at hand is enough.

mod cache;

pub use cache::{Edges, Found};
