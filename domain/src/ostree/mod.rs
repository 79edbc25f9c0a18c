//! What is read of an OSTree repository: which refs a commit is bound to, which token type it has, where a
//! delta leads, and what a summary lists. Just that, and of untrusted bytes.

mod commit;
mod delta;
mod gvariant;
mod summary;

pub use commit::{CommitObject, read_commit};
pub use delta::{Superblock, delta_target, read_superblock};
pub use gvariant::{Malformed, Options, text};
pub use summary::{Summary, read_summary};
