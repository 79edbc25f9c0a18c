//! Who calls: API keys, OAuth signatures and client certificates, and what roles allow.

mod api_key;
mod authenticate;
mod caller;
mod client_address;
mod client_ca;
mod client_certificate;
mod gate;
mod keyring;
pub mod oauth;
mod oauth_caller;
mod on_demand;
mod proxy_header;
mod refusal;
mod token;
mod token_manager;

pub use api_key::{InvalidKey, Secret, masked};
pub use authenticate::address_of;
pub use caller::{
    Admin, Auditor, Caller, Introspector, Issuer, IssuerOrAuditor, Manager, Reader, Viewer,
    forbidden, may_read,
};
pub use client_address::client_address;
pub use client_ca::{ClientCaFileError, ClientCaStore};
pub use client_certificate::{PresentedCertificate, presented};
pub use gate::Gate;
pub use keyring::Keyring;
pub use on_demand::CallerOnDemand;
pub(crate) use refusal::too_many;
pub use token::{ParentToken, bearer};
pub use token_manager::TokenManager;
