//! The use case of an import, behind the route and the command: receive, verify, parse, store.

mod form;
mod on_same;
mod pace;
mod parse;
mod receive;
mod reception;
mod run;
mod upload;

pub use on_same::OnSame;
pub use pace::Pace;
pub use receive::receive;
pub use reception::{Place, Reception};
pub use run::{ImportError, ImportOptions, Importer};
pub use upload::{ReceivedUpload, Spool};
