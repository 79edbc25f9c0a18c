//! The audit log: who did what, to whose data, and how it ended. Rows are only ever added.
//!
//! Each row carries the hash of the one before it of the same node, so that nodes never wait for each
//! other. The hash is an HMAC-SHA256 whose key comes from the instance's data key: whoever can write
//! to the database, but has no master key, cannot make a chain that holds.

mod append;
mod event;
mod list;
mod verify;

pub use event::{Actor, Event, Outcome, PrincipalKind};
pub use list::{AuditFilter, AuditRow};
pub use verify::{AuditFault, AuditReport, FaultKind};

pub(crate) use append::append;
