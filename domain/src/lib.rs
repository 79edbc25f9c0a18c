//! The rules of Portolan, pure: bytes, trust anchors and the clock come in, values go out.
//!
//! A manifest passes through types that each prove a step, and no step can be skipped:
//! [`archive::SignedArchive`] (opened within [`limits::Limits`], nothing believed yet) →
//! [`trust::VerifiedArchive`] (carries who verified it) → [`manifest::Manifest`] (parsed). Only the
//! last can be stored. There is no database, no HTTP, no async and no clock in this crate.

#![deny(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason
    )
)]

pub mod archive;
pub mod build;
pub mod cdn_url;
pub mod conflict;
pub mod digest;
pub mod distinguished_name;
pub mod edge;
pub mod expiry;
pub mod export;
pub mod gateway;
pub mod grants;
pub mod ids;
pub mod import;
pub mod limits;
pub mod lines;
pub mod manifest;
pub mod ostree;
pub mod registration;
pub mod repo;
pub mod secret;
pub mod signed_url;
pub mod token;
pub mod trust;
