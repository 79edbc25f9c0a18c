//! Adds rows to a node's chain.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, NotSet, QuerySelect, Set,
    sea_query::{LockType, OnConflict},
};

use super::event::Event;
use crate::{
    entity::{audit_log, audit_nodes},
    error::Result,
    seal::SealingKey,
    store::Store,
    times,
};

/// Characters of a text in a row at most: names come from callers.
const LONGEST: usize = 1024;
/// What the first row of a chain has before it.
pub(super) const BEGINNING: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// Adds events to the node's chain, as the last thing of a transaction: the chain is locked from
/// here to the commit.
pub(crate) async fn append(
    transaction: &DatabaseTransaction,
    node: &str,
    key: &SealingKey,
    events: Vec<Event>,
) -> Result<()> {
    let mut end = locked_end(transaction, node).await?;
    for event in events {
        let row = row_of(event, &end, key)?;
        end.sequence = row.sequence;
        end.hash.clone_from(&row.hash);
        let mut row = row.into_active_model();
        row.id = NotSet;
        audit_log::Entity::insert(row)
            .exec_without_returning(transaction)
            .await?;
    }
    let mac = mac(&end, key)?;
    let end = audit_nodes::ActiveModel {
        node: sea_orm::ActiveValue::Unchanged(end.node),
        sequence: Set(end.sequence),
        hash: Set(end.hash),
        mac: Set(mac),
    };
    audit_nodes::Entity::update(end)
        .validate()?
        .exec(transaction)
        .await?;
    Ok(())
}

impl Store {
    /// Records what happened beside any change: refusals, and counts of reads.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn record_events(&self, events: Vec<Event>) -> Result<()> {
        let transaction = self.write().await?;
        transaction.commit_all(events).await
    }
}

/// The end of the chain, locked; made where the node has none yet.
async fn locked_end(transaction: &DatabaseTransaction, node: &str) -> Result<audit_nodes::Model> {
    if let Some(end) = find_locked(transaction, node).await? {
        return Ok(end);
    }
    let beginning = audit_nodes::ActiveModel {
        node: Set(node.to_owned()),
        sequence: Set(0),
        hash: Set(BEGINNING.to_owned()),
        // Before the first row is written there is nothing to vouch for.
        mac: Set(String::new()),
    };
    // Two programs of one node may both begin it.
    audit_nodes::Entity::insert(beginning)
        .on_conflict(
            OnConflict::column(audit_nodes::Column::Node)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await?;
    let found = find_locked(transaction, node).await?;
    found.ok_or_else(|| crate::StorageError::Corrupt {
        table: "audit_nodes",
        column: "node",
        row: node.to_owned(),
    })
}

async fn find_locked(
    connection: &impl ConnectionTrait,
    node: &str,
) -> Result<Option<audit_nodes::Model>> {
    let query = audit_nodes::Entity::find_by_id(node).lock(LockType::Update);
    Ok(query.one(connection).await?)
}

fn row_of(event: Event, end: &audit_nodes::Model, key: &SealingKey) -> Result<audit_log::Model> {
    let cut = |text: String| -> String { text.chars().take(LONGEST).collect() };
    let mut row = audit_log::Model {
        id: 0,
        node: end.node.clone(),
        sequence: end.sequence + 1,
        at: times::kept(event.actor.at),
        principal_kind: event.actor.kind.as_str().to_owned(),
        principal: cut(event.actor.name),
        action: event.action.to_owned(),
        owner_key: event.owner.map(|owner| owner.to_string()),
        subject: event.subject.map(cut),
        outcome: event.outcome.as_str().to_owned(),
        detail: event.detail.map(cut),
        count: i64::try_from(event.count).unwrap_or(i64::MAX),
        request_id: event.actor.request_id,
        address: event.actor.address.map(|address| address.to_string()),
        previous_hash: end.hash.clone(),
        hash: String::new(),
    };
    row.hash = hash(&row, key)?;
    Ok(row)
}

/// What vouches for a chain's end. Under another purpose than the rows' hashes, so that no row's hash
/// can stand here.
pub(super) fn mac(end: &audit_nodes::Model, key: &SealingKey) -> Result<String> {
    let text = serde_json::json!([end.node, end.sequence, end.hash]).to_string();
    Ok(key
        .authenticate("audit log end", text.as_bytes())?
        .to_string())
}

/// The hash of a row: HMAC-SHA256 over a JSON array of all that it says, the hash before it included.
/// The row's number (`id`) is the database's own affair.
pub(super) fn hash(row: &audit_log::Model, key: &SealingKey) -> Result<String> {
    let text = serde_json::json!([
        row.previous_hash,
        row.node,
        row.sequence,
        row.at.unix_timestamp_nanos().to_string(),
        row.principal_kind,
        row.principal,
        row.action,
        row.owner_key,
        row.subject,
        row.outcome,
        row.detail,
        row.count,
        row.request_id,
        row.address,
    ]);
    Ok(key
        .authenticate("audit log", text.to_string().as_bytes())?
        .to_string())
}
