//! Certificates by their end: a page of them, and the first of each owner.

mod first;
mod list;

pub use first::FirstEnd;
pub use list::{EndingCertificate, ExpiryFilter, ExpiryPlace};
