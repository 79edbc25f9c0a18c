//! OSTree repositories: whose each is, which commits need a token, and which refs a commit is of.

mod commits;
mod list;
mod put;
mod statements;
mod sync;

pub use list::Repo;
pub use put::NewRepo;
pub use sync::CommitSync;
