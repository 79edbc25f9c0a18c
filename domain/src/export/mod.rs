//! Manifests of what an owner has imported, for an instance downstream: the same format that was read,
//! as `manifest` reads it. Pure: what is exported comes in, files of an archive go out.

mod entitlement;
mod header;
mod identity;
mod writer;

pub use header::{ExportHeader, ExportedOwner};
pub use identity::issue_identity;
pub use writer::ExportWriter;
