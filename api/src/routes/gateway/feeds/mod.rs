//! What the content system feeds: whole lists, each received into a file of ours, read as it lies there, and stored in
//! one transaction. It counts on this node before the answer, and on the others within a second.

pub mod host_mapping;
pub mod hosts;
pub mod repositories;
pub mod some_hosts;
pub mod users;

use std::{fs::File, io::BufReader};

use axum::{extract::Request, http::StatusCode};
use portolan_domain::gateway::{FedRepository, FeedError, MappingFeed};
use portolan_storage::{HolderKind, Others};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    auth::Caller,
    extract::Json,
    gateway::aside,
    import::{Pace, receive_feed},
    problem::{Problem, internal},
    state::AppState,
};

/// Bytes that are read of a file at once.
const BUFFER: usize = 256 << 10;

/// A feed that was stored: an empty object.
#[derive(Serialize, ToSchema)]
pub struct Fed {}

/// A repository of a list.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the document alone")]
pub struct ListedRepository {
    /// Its name.
    #[schema(min_length = 1, max_length = 255, example = "library/busybox")]
    repository: String,
    /// Whether pulling it needs a token.
    auth_required: bool,
}

/// Receives a feed.
async fn receive(caller: &Caller, request: Request, state: &AppState) -> Result<File, Problem> {
    // It is everybody's.
    caller.check_unbound()?;
    let pace = Pace::new(&state.config.http.limits);
    let limit = state.config.gateway.feed_bytes;
    let feed = receive_feed(request, state.importer.spool(), limit, pace).await?;
    Ok(feed.file)
}

/// Reads a feed on a thread that may take its time. One at a time: a large one takes memory.
async fn read<T: Send + 'static>(
    file: File,
    state: &AppState,
    read: impl FnOnce(BufReader<File>) -> Result<T, FeedError> + Send + 'static,
) -> Result<T, Problem> {
    let turn = state.gateway.feeding.clone().acquire_owned().await;
    let read = aside(move || {
        let _turn = turn;
        read(BufReader::with_capacity(BUFFER, file))
    });
    let ended = || internal(&std::io::Error::other("the thread that reads a feed ended"));
    read.await
        .ok_or_else(ended)?
        .map_err(|error| invalid(&error))
}

/// Reads a feed that is one object with a list.
async fn read_json<T: DeserializeOwned + Send + 'static>(
    file: File,
    state: &AppState,
) -> Result<T, Problem> {
    read(file, state, |json| Ok(serde_json::from_reader(json)?)).await
}

/// Stores a mapping.
async fn map(
    caller: &Caller,
    request: Request,
    state: &AppState,
    (kind, others): (HolderKind, Others),
) -> Result<Json<Fed>, Problem> {
    let file = receive(caller, request, state).await?;
    let key = match kind {
        HolderKind::User => "users",
        HolderKind::Host => "hosts",
    };
    let feed = read(file, state, move |json| MappingFeed::read(json, key)).await?;
    state
        .store
        .put_gateway_holders(kind, &feed, others, &caller.by)
        .await?;
    done(state).await
}

async fn done(state: &AppState) -> Result<Json<Fed>, Problem> {
    state.gateway.directories.refresh().await?;
    Ok(Json(Fed {}))
}

fn invalid(error: &FeedError) -> Problem {
    let detail = format!("The feed is refused: {error}. Nothing was changed.");
    let title = "The feed is malformed";
    Problem::new(
        StatusCode::BAD_REQUEST,
        "gateway-feed-invalid",
        title,
        detail,
    )
}

/// A name that none can be.
fn check_name(fed: &FedRepository) -> Result<(), Problem> {
    if portolan_domain::gateway::is_name(&fed.repository) {
        return Ok(());
    }
    let detail = format!(
        "The feed is refused: {:.50?} is no repository's name. Nothing was changed.",
        fed.repository
    );
    let title = "The feed is malformed";
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "gateway-feed-invalid",
        title,
        detail,
    ))
}
