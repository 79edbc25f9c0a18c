//! The webhook: posts what the outbox holds to one receiver, in the form of Standard Webhooks (a signature
//! over id, timestamp and body), until it is taken or given up.

mod deliver;
mod sender;
mod signature;

pub use deliver::{Undelivered, Webhook};
pub use sender::Sender;
pub use signature::SigningKey;
