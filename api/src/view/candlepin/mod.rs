//! Candlepin's own shapes, for its clients below a compatible prefix. The facts are its DTOs'
//! (`api/candlepin-api-spec.yaml` there): these fields, in this spelling, null where it has nothing.
//! What a Candlepin lacks comes behind its fields, under the names that it has at the root.

mod cdn;
mod certificate;
mod consumer;
mod job;
mod owner;
mod record;
mod time;

use serde::Serialize;

pub use cdn::{Cdn, CdnFacts};
pub use certificate::Certificate;
pub use consumer::{ConsumerType, ImportUpstreamConsumer, UpstreamConsumer};
pub use job::{AsyncJobStatus, JobFacts};
pub use owner::Owner;
pub use record::ImportRecord;
pub use time::SecondsUtc;

/// A view that has a shape of Candlepin's, too.
pub trait Candlepin: Serialize {
    /// That shape.
    type Shape: Serialize;

    /// Takes that shape.
    fn candlepin(self) -> Self::Shape;
}

impl<T: Candlepin> Candlepin for Vec<T> {
    type Shape = Vec<T::Shape>;

    fn candlepin(self) -> Self::Shape {
        self.into_iter().map(T::candlepin).collect()
    }
}
