//! An upstream entitlement with its certificate and sealed key.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "entitlements")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub owner_id: i64,
    pub pool_id: String,
    pub quantity: i64,
    pub starts_at: Option<TimeDateTimeWithTimeZone>,
    pub ends_at: Option<TimeDateTimeWithTimeZone>,
    pub cert: Option<String>,
    pub key_sealed: Option<Vec<u8>>,
    pub serial: Option<String>,
    pub not_before: Option<TimeDateTimeWithTimeZone>,
    pub not_after: Option<TimeDateTimeWithTimeZone>,
    pub content_sha256: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
