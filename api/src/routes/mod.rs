//! The routes, by resource. A route exists only through `routes!`, so none is undocumented.

pub mod audit;
pub mod entitlements;
mod etag;
pub mod exports;
pub mod imports;
pub mod owners;
pub mod service;
pub mod upstream_cas;
pub mod upstream_consumers;
