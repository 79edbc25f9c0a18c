//! What keeps one caller from taking everything: how often, and from where.

mod address;
mod bucket;

#[cfg(test)]
mod tests;

pub use address::address_key;
pub use bucket::TokenBuckets;
