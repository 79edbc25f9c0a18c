//! Ref tokens: which refs a user may have is asked of the authority that is set, and what it allows is
//! signed, so that any peer can verify it without asking anyone.

mod answers;
mod authority;
mod issue;
mod webhook;

pub use authority::{Authority, AuthorityError, Denial, Verdict};
pub use issue::{IssueError, Issued, Request, issue};
