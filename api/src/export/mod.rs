//! The use case of an export, behind the route and the command: read, write, sign, send.

mod options;
mod run;
mod send;
mod signing;
mod write;

pub use options::{ExportOptions, ExportScheme};
pub use run::{ExportError, Exporter};
pub use send::Export;
pub use signing::{SigningCas, SigningCertificates};
