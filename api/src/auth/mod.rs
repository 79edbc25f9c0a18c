//! Who calls: API keys, OAuth signatures and client certificates, and what roles allow.

mod api_key;
mod caller;
mod client_address;
mod client_ca;
mod client_certificate;
mod keyring;
pub mod oauth;
mod proxy_header;

pub use api_key::{InvalidKey, Secret};
pub use caller::{Admin, Caller, Manager, Reader};
pub use client_address::client_address;
pub use client_ca::{ClientCaFileError, ClientCaStore};
pub use client_certificate::{PresentedCertificate, presented};
pub use keyring::Keyring;
