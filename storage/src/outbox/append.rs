//! Writes messages as a part of the change that they tell of.

use std::collections::HashSet;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QuerySelect, Set,
};
use time::OffsetDateTime;

use super::{MOST_WAITING, OutboxEvents, message};
use crate::{
    audit::{Actor, Event, Outcome},
    entity::webhook_outbox,
    error::Result,
    ids::new_id,
};

/// Rows that are written at once.
const BATCH: usize = 500;

/// Adds the messages of these events. Where there is no room for them, that becomes an event itself: a
/// change is not refused because its news cannot be told.
pub(crate) async fn append(
    transaction: &DatabaseTransaction,
    wanted: OutboxEvents,
    events: &mut Vec<Event>,
) -> Result<()> {
    let mut bodies = Vec::new();
    // A credential that is bound to several owners has an event for each, and is revoked once.
    let mut told = HashSet::new();
    for event in events.iter() {
        let body = message::of_event(transaction, wanted, event).await?;
        bodies.extend(body.filter(|body| told.insert(body.clone())));
    }
    let Some(at) = events.first().map(|event| event.actor.at) else {
        return Ok(());
    };
    if bodies.is_empty() {
        return Ok(());
    }
    if room(transaction).await? < bodies.len() {
        let lost = Actor::system(at).did("webhook.lose").ended(Outcome::Failed);
        let detail = "too many messages wait: the receiver has been away for long";
        events.push(lost.times(bodies.len() as u64).detail(detail));
        return Ok(());
    }
    insert(transaction, bodies, at).await
}

/// How many more messages may wait.
pub(super) async fn room(connection: &impl ConnectionTrait) -> Result<usize> {
    let waiting = webhook_outbox::Entity::find()
        .limit(MOST_WAITING)
        .count(connection)
        .await?;
    Ok(usize::try_from(MOST_WAITING.saturating_sub(waiting)).unwrap_or(usize::MAX))
}

pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    bodies: Vec<String>,
    at: OffsetDateTime,
) -> Result<()> {
    // Whole seconds: SQLite compares them as texts.
    let at = at.truncate_to_second();
    let mut rows = bodies.into_iter().map(|body| webhook_outbox::ActiveModel {
        id: Set(new_id()),
        created_at: Set(at),
        body: Set(body),
        attempts: Set(0),
        next_at: Set(at),
    });
    loop {
        let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        webhook_outbox::Entity::insert_many(batch)
            .exec_without_returning(connection)
            .await?;
    }
}
