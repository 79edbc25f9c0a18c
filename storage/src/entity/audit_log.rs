//! One line of the audit log.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub node: String,
    pub sequence: i64,
    pub at: TimeDateTimeWithTimeZone,
    pub principal_kind: String,
    pub principal: String,
    pub action: String,
    pub owner_key: Option<String>,
    pub subject: Option<String>,
    pub outcome: String,
    pub detail: Option<String>,
    pub count: i64,
    pub request_id: Option<String>,
    pub address: Option<String>,
    pub previous_hash: String,
    pub hash: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
