//! Who calls: API keys, and what their roles allow.

mod api_key;
mod caller;
mod keyring;
pub mod oauth;

pub use api_key::{InvalidKey, Secret};
pub use caller::{Admin, Caller, Manager, Reader};
pub use keyring::Keyring;
