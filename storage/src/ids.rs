//! Where row ids come from.

use uuid::Uuid;

/// A UUID of version 7 (RFC 9562): later ones are greater, so that "newest first" is an index.
pub(crate) fn new_id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
    Uuid::now_v7()
}
