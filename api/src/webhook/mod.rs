//! The webhook: posts what the outbox holds to one receiver, in the form of Standard Webhooks (a signature
//! over id, timestamp and body), until it is taken or given up.

mod client;
mod deliver;
mod sender;
mod signature;

pub(crate) use client::silent;
pub use client::{SignedClient, Undelivered};
pub use deliver::Webhook;
pub use sender::Sender;
pub use signature::SigningKey;
