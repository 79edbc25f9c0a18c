//! The body of a batch, received into a file of ours, with its owner's turn to be stored.

use std::fs::File;

use axum::extract::Request;
use portolan_domain::ids::OwnerKey;

use crate::{
    import::{Pace, Place, busy, receive_lines},
    problem::Problem,
    state::AppState,
};

/// What keeps others waiting; dropped when the batch is stored.
pub struct Held(#[expect(dead_code, reason = "held, and never looked at")] [Place; 2]);

/// Lines of which none is read yet.
pub struct BatchBody {
    file: File,
    held: Held,
}

impl BatchBody {
    /// Receives a body.
    ///
    /// # Errors
    /// 503 where there is no room for it, and what [`receive_lines`] refuses.
    pub async fn receive(
        request: Request,
        owner: &OwnerKey,
        state: &AppState,
    ) -> Result<Self, Problem> {
        let importer = &state.importer;
        let room = importer.place(owner).await.ok_or_else(busy)?;
        let pace = Pace::new(&state.config.http.limits);
        let body = receive_lines(request, importer.spool(), importer.upload_limit(), pace).await?;
        // Only now: a client that sends slowly must not keep the others from their turn.
        let turn = importer.turn(owner).await.ok_or_else(busy)?;
        Ok(Self {
            file: body.file,
            held: Held([room, turn]),
        })
    }

    /// The file, and what is to be held until it is stored: it takes its disk for as long.
    #[must_use]
    pub fn into_parts(self) -> (File, Held) {
        (self.file, self.held)
    }
}
