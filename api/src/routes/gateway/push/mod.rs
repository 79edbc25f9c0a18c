//! Pushing, which is not supported: clients learn that from a body that they understand.

pub mod delete;
pub mod patch;
pub mod post;
pub mod put;
