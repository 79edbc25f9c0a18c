//! Grants: which user may have which refs. They count only while their collection is in a repository of the
//! owner that granted them.

mod batch;
mod put;
mod read;
mod statements;

pub use batch::GrantBatch;
