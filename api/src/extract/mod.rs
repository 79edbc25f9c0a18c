//! What handlers take from a request. Axum's own extractors refuse with plain text, so `clippy.toml`
//! bans them in favour of these.

mod body;
mod cdn_url;
mod content_path;
mod dialect;
mod form;
mod instant;
mod owner;
mod page;
mod path;
mod query;
mod span;

pub use body::{Json, JsonList, read_object};
pub use cdn_url::parse_cdn_url;
pub use content_path::parse_path;
pub use dialect::{Dialect, Shaped};
pub use form::{Form, ScopedForm};
pub use instant::Instant;
pub use owner::OwnerPath;
pub use page::{Paged, Paging};
pub use path::Path;
pub use query::{Query, given};
pub use span::Span;
