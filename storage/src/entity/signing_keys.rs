//! A key that this instance signs with.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    pub algorithm: String,
    pub purpose: String,
    pub state: String,
    pub created_at: TimeDateTimeWithTimeZone,
    pub public_pem: Option<String>,
    pub not_after: Option<TimeDateTimeWithTimeZone>,
    pub key_sealed: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
