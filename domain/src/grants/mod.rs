//! Who may have which ref: patterns of refs that an owner grants to a user, what they decide, and how what
//! was decided is cut into ref tokens. Pure: rows, signatures and the clock are the caller's.

mod grant;
mod line;
mod pattern;
mod portion;
mod proof;

pub use grant::{Grant, GrantEntry, InvalidEntry, Permission, Wanted, decide};
pub use line::GrantLine;
pub use pattern::{InvalidPattern, RefPattern};
pub use portion::{MOST_REFS, Portion, RefTokenTerms, portions};
pub use proof::{RefProof, Unproven};
