//! Two-legged OAuth 1.0a (RFC 5849), as clients of Candlepin's family sign their requests: reads the
//! header, computes what was signed, compares, and remembers nonces. Pure: consumers, their secrets
//! and the clock belong to whoever calls.
//!
//! A caller goes [`OAuthRequest::parse`], looks its `consumer_key` up, [`signed_url()`],
//! [`OAuthRequest::verify`], [`Nonces::remember`]. The last takes a [`Verified`], which only the one
//! before makes: were nonces remembered before, anybody could fill the memory for them.
//!
//! A signature covers method, URL and query, not the body. Bodies that are forms would be covered too
//! (3.4.1.3.1), but no route that takes these credentials reads one.

mod base_string;
mod encoding;
mod error;
mod header;
mod nonces;
mod request;
mod signed_url;

#[cfg(test)]
mod tests;

pub use error::{HeaderFault, OAuthError};
pub use nonces::Nonces;
pub use request::{OAuthRequest, Verified, WINDOW};
pub use signed_url::signed_url;
