//! The routes, by resource. A route exists only through `routes!`, so none is undocumented.

pub mod audit;
pub mod cdns;
pub mod edge;
pub mod entitlements;
mod etag;
pub mod expirations;
pub mod exports;
pub mod gateway;
pub mod grants;
pub mod imports;
pub mod jobs;
pub mod metrics;
pub mod oauth;
pub mod owner_cdn;
pub mod owners;
pub mod ref_tokens;
pub mod repos;
pub mod revocations;
pub mod service;
pub mod signed_urls;
pub mod tokens;
pub mod upstream_cas;
pub mod upstream_consumers;
pub mod well_known;
