//! The use case of an import, behind the route and the command: receive, verify, parse, store.

mod form;
mod kept;
mod on_same;
mod options;
mod pace;
mod parse;
mod receive;
mod reception;
mod run;
mod upload;

pub use on_same::OnSame;
pub use options::{ImportError, ImportOptions, KeptAs};
pub use pace::Pace;
pub use receive::{receive, receive_feed, receive_lines};
pub use reception::{Place, Reception, busy};
pub use run::Importer;
pub use upload::{ReceivedUpload, Spool, UploadWriter};
