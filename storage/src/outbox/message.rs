//! From what the audit log is told to what the webhook is told: type and data. No secret is in either.

use sea_orm::{DatabaseTransaction, EntityTrait};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::OutboxEvents;
use crate::{
    audit::{Event, Outcome},
    entity::imports,
    error::{Result, StorageError},
    times,
};

/// The body of a message, which is signed and sent as it is kept: the type first, for whoever reads logs.
pub(super) fn body(kind: &str, at: OffsetDateTime, data: &Value) -> String {
    let (kind, timestamp) = (json!(kind), json!(times::shown(at)));
    format!(r#"{{"type":{kind},"timestamp":{timestamp},"data":{data}}}"#)
}

/// The message of an event; none where it is not one that is told.
pub(super) async fn of_event(
    transaction: &DatabaseTransaction,
    wanted: OutboxEvents,
    event: &Event,
) -> Result<Option<String>> {
    let message = match (event.action, event.outcome) {
        ("import.create" | "import.restore", Outcome::Success) if wanted.imports => {
            Some(("import.finished", of_import(transaction, event).await?))
        }
        ("import.create" | "import.restore", Outcome::Refused) if wanted.imports => {
            Some(("import.refused", of_import(transaction, event).await?))
        }
        ("import.delete", Outcome::Success) if wanted.imports => {
            Some(("import.undone", of_import(transaction, event).await?))
        }
        (_, Outcome::Success) if wanted.revocations && event.revoked > 0 => {
            Some(("entitlement.revoked", of_entitlements(event)))
        }
        ("credential.revoke", Outcome::Success) if wanted.revocations => {
            Some(("credential.revoked", json!({ "name": event.subject })))
        }
        _ => None,
    };
    Ok(message.map(|(kind, data)| body(kind, event.actor.at, &data)))
}

/// The import record, which this transaction has written before its event.
async fn of_import(transaction: &DatabaseTransaction, event: &Event) -> Result<Value> {
    let id = event
        .subject
        .as_deref()
        .and_then(|id| Uuid::parse_str(id).ok());
    let row = match id {
        Some(id) => imports::Entity::find_by_id(id).one(transaction).await?,
        None => None,
    };
    let counts = row.as_ref().map(|row| {
        serde_json::from_str::<Value>(&row.counts).map_err(|_| StorageError::Corrupt {
            table: "imports",
            column: "counts",
            row: row.id.to_string(),
        })
    });
    Ok(json!({
        "ownerKey": event.owner,
        "importId": event.subject,
        "status": row.as_ref().map(|row| &row.status),
        "statusMessage": row.as_ref().map(|row| &row.status_message),
        "counts": counts.transpose()?,
    }))
}

/// One entitlement by its id, or a batch: then nobody can want half a million messages.
fn of_entitlements(event: &Event) -> Value {
    json!({ "ownerKey": event.owner, "entitlementId": event.subject, "count": event.revoked })
}
