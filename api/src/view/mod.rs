//! What goes out, as types of its own: neither rows nor domain values are ever serialized.

mod answer;
mod consumer;
mod expiration;
mod record;
mod times;

pub use answer::{CaCertificate, CdnInfo, UpstreamCertificate, ca_certificate, finish_answer};
pub use consumer::{ConsumerType, UpstreamConsumer, UpstreamConsumerDetails, VerificationDetails};
pub use expiration::Expiration;
pub use record::{ImportRecord, Verification};
pub use times::Timestamp;
