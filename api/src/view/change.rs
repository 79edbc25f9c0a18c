//! A line of a dry run's plan as it goes out.

use portolan_domain::import::{Change as DomainChange, FieldChange as DomainField, FieldValue};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::times::Timestamp;

/// What an import would change of one thing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `ADDED`, `UPDATED` or `REMOVED`.
    pub action: &'static str,
    /// Of what: `DATES` (of the manifest), `UPSTREAM_CONSUMER`, `CA`, `CDN` (where the owner's content
    /// is), `MANIFEST_CDN` (a CDN in the manifest), `ENTITLEMENT` or `POOL`.
    pub kind: &'static str,
    /// Which one: an upstream id, a uuid, a label, a file name, or the owner's key.
    pub id: String,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
}

/// One field before and after. Both null where the values are not shown: a certificate's text and a
/// private key are only said to differ.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The field's name.
    pub name: &'static str,
    /// What it is now: text, a number, true or false; null where there is nothing.
    pub before: Value,
    /// What it would be.
    pub after: Value,
}

impl From<DomainChange> for Change {
    fn from(change: DomainChange) -> Self {
        Self {
            action: change.action.as_str(),
            kind: change.kind.as_str(),
            id: change.id,
            fields: change.fields.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<DomainField> for FieldChange {
    fn from(field: DomainField) -> Self {
        Self {
            name: field.name,
            before: field.before.map_or(Value::Null, shown),
            after: field.after.map_or(Value::Null, shown),
        }
    }
}

fn shown(value: FieldValue) -> Value {
    match value {
        FieldValue::Text(text) => text.into(),
        FieldValue::Number(number) => number.into(),
        FieldValue::Flag(flag) => flag.into(),
        FieldValue::Time(time) => Timestamp(time).to_string().into(),
    }
}
