//! The third step: what a verified archive says, parsed entry by entry.
//!
//! Real manifests are old, patched by tools and full of fields nobody needs: unknown things are
//! skipped, nulls are absence, times come in many forms. What is used must be right, though, and a
//! file that is not is refused with its entry's name.

mod certificates;
mod entitlement;
mod header;
pub(crate) mod json;
mod lenient;
mod parse;
mod pool_details;
mod role;
mod times;

pub use certificates::IssuedCertificate;
pub use entitlement::{Entitlement, Pool};
pub use header::{ConsumerType, ManifestCdn, ManifestHeader, UpstreamConsumer};
pub use parse::{ContentError, Item, Manifest, ParseError};

pub(crate) use pool_details::PoolDetails;
