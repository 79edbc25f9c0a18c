//! An owner as it goes out.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    problem::Problem,
    state::AppState,
    view::{Timestamp, UpstreamConsumerDetails},
};

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
