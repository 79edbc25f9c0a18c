//! Repositories: how their commits become known.

mod scan;
mod source;
mod sync;

pub use scan::{Scan, scan};
pub use source::{ScanError, Source};
pub use sync::sync_commits;
