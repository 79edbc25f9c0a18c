//! What goes out, as types of its own: neither rows nor domain values are ever serialized.

mod answer;
mod batch;
pub mod candlepin;
mod change;
mod consumer;
mod entitlement;
mod expiration;
mod grant;
mod record;
mod repo;
mod times;

pub use answer::{
    CaCertificate, CdnInfo, EdgeFacts, SignedPath, UpstreamCertificate, ca_certificate,
    certificate_text, finish_answer, with_signed_path,
};
pub use batch::BatchResult;
pub use change::{Change, FieldChange};
pub use consumer::{ConsumerType, UpstreamConsumer, UpstreamConsumerDetails, VerificationDetails};
pub use entitlement::{CertificateSummary, Entitlement};
pub use expiration::Expiration;
pub use grant::GrantedRefs;
pub use record::{Counts, ImportRecord, Timings, Verification, Warning};
pub use repo::Repo;
pub use times::Timestamp;
