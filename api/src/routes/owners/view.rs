//! An owner as it goes out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    problem::Problem,
    state::AppState,
    view::{
        Timestamp, UpstreamConsumerDetails,
        candlepin::{self, Candlepin},
    },
};

/// An owner's name for people: 1 to 255 characters, none of them a control character.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
pub struct DisplayName(String);

impl DisplayName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

impl TryFrom<String> for DisplayName {
    type Error = &'static str;
    fn try_from(name: String) -> Result<Self, &'static str> {
        let length = name.chars().count();
        if (1..=255).contains(&length) && !name.chars().any(char::is_control) {
            Ok(Self(name))
        } else {
            Err("a display name must be 1 to 255 characters, none of them a control character")
        }
    }
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Its number.
    pub id: String,
    /// Its key, in every URL.
    pub key: String,
    /// Its name for people.
    pub display_name: String,
    /// When it was created.
    pub created: Timestamp,
    /// What it is upstream; null until it has imported.
    pub upstream_consumer: Option<UpstreamConsumerDetails>,
}

impl Owner {
    /// A stored owner with its upstream consumer.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn of(state: &AppState, owner: portolan_storage::Owner) -> Result<Self, Problem> {
        let consumer = state.store.upstream_consumer(&owner.key).await?;
        let anchors = state.anchors.current();
        Ok(Self {
            id: owner.id.to_string(),
            key: owner.key.to_string(),
            display_name: owner.display_name,
            created: Timestamp(owner.created_at),
            upstream_consumer: consumer.map(|c| UpstreamConsumerDetails::of(c, &anchors)),
        })
    }
}

impl Candlepin for Owner {
    type Shape = candlepin::Owner;

    fn candlepin(self) -> candlepin::Owner {
        let consumer = self.upstream_consumer.map(Candlepin::candlepin);
        let named = (self.id, self.key, self.display_name);
        candlepin::Owner::of(named, self.created.0, consumer)
    }
}
