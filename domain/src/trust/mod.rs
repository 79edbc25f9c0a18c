//! Who verified a manifest: trust anchors, signing schemes, and the step from signed to verified.

mod algorithm;
mod anchors;
mod bundle;
mod certificate;
mod client;
mod refusal;
mod scheme;
mod signature;
mod verify;
mod words;

pub use algorithm::{KeyMisfit, SignatureAlgorithm};
pub use anchors::{
    Anchor, AnchorFault, AnchorSettings, AnchorSource, CaStatus, TrustAnchors, certificates_pem,
};
pub use bundle::CertificateBundle;
pub use certificate::{Certificate, CertificateError};
pub use client::{ClientCaError, ClientCas, ClientChain, ClientRefusal, VerifiedClient};
pub use refusal::{Refusal, TriedAnchor};
pub use scheme::SigningScheme;
pub use verify::{ForcedSignature, Verification, VerifiedArchive, VerifiedBy, VerifyError};
pub(crate) use words::rfc3339;
