//! Whom the removal of an upstream CA leaves without one.

use portolan_domain::{ids::CaFilename, trust::AnchorSource};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::VerifiedConsumer;
use crate::{problem::Problem, state::AppState};

/// Whose CA would be missing once this one is removed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Orphans {
    /// The CA's file name.
    pub filename: String,
    /// The upstream consumers that it verified and no other CA stands for: none has its certificate
    /// or its public key.
    pub orphaned: Vec<VerifiedConsumer>,
}

impl Orphans {
    /// Those of this CA, as of now; nobody where there is no such CA.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn of(state: &AppState, filename: &CaFilename) -> Result<Self, Problem> {
        state.anchors.reload().await?;
        let anchors = state.anchors.current();
        // Where a file and a stored CA have one name, it is the stored one that is removed.
        let is_stored = anchors
            .iter()
            .any(|a| a.filename == *filename && a.source == AnchorSource::Database);
        let source = if is_stored {
            AnchorSource::Database
        } else {
            AnchorSource::Directory
        };
        let keys = anchors.keys_of_nobody_else(filename, source);
        let verified = state.store.consumers_verified_by(&keys).await?;
        let mut orphaned: Vec<_> = verified.into_iter().map(VerifiedConsumer::from).collect();
        orphaned.sort_by(|a, b| a.owner_key.cmp(&b.owner_key));
        Ok(Self {
            filename: filename.to_string(),
            orphaned,
        })
    }
}
