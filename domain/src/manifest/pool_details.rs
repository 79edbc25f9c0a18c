//! What a pool says beyond what is shown here. An importer downstream needs it (Candlepin makes
//! products out of it), so it is kept as it came: these fields alone, since a pool may also carry keys.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Pool;

/// A field that is kept as it came.
pub(super) type Kept = Option<Box<RawValue>>;

/// The fields, each where the pool had it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PoolDetails {
    pub provided_products: List,
    pub derived_provided_products: List,
    pub branding: List,
    pub attributes: List,
    pub product_attributes: List,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived_product_attributes: Kept,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived_product_id: Kept,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived_product_name: Kept,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_id: Kept,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacked: Kept,
}

/// A list that is empty where there is none.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct List(pub Kept);

impl Serialize for List {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(kept) => kept.serialize(serializer),
            None => serializer.collect_seq(std::iter::empty::<()>()),
        }
    }
}

impl PoolDetails {
    /// Those of a pool; none of what was stored before they were kept.
    pub(crate) fn of(pool: &Pool) -> Self {
        let stored = pool.details.as_deref();
        let read = stored.and_then(|details| serde_json::from_str(details).ok());
        read.unwrap_or_default()
    }

    /// As they are stored.
    pub(super) fn to_text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}
