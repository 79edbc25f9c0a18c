//! What handlers take from a request. Axum's own extractors refuse with plain text, so `clippy.toml`
//! bans them in favour of these.

mod body;
mod instant;
mod owner;
mod page;
mod path;
mod query;

pub use body::{Json, JsonOrNothing};
pub use instant::Instant;
pub use owner::OwnerPath;
pub use page::{Paged, Paging};
pub use path::Path;
pub use query::{Query, given};
