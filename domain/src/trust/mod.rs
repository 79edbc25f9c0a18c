//! Who verified a manifest: trust anchors, signing schemes, and the step from signed to verified.

mod algorithm;
mod anchors;
mod certificate;
mod client;
mod refusal;
mod scheme;
mod signature;
mod verify;

pub use algorithm::{KeyMisfit, SignatureAlgorithm};
pub use anchors::{
    Anchor, AnchorFault, AnchorSettings, AnchorSource, CaStatus, TrustAnchors, certificates_pem,
};
pub(crate) use certificate::rfc3339;
pub use certificate::{Certificate, CertificateError};
pub use client::{ClientCaError, ClientCas, ClientChain, ClientRefusal, VerifiedClient};
pub use refusal::{Refusal, TriedAnchor};
pub use scheme::SigningScheme;
pub use verify::{ForcedSignature, Verification, VerifiedArchive, VerifiedBy, VerifyError};
