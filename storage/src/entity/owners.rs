//! A tenant, with its sealed data key.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "owners")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub key: String,
    pub display_name: String,
    pub created_at: TimeDateTimeWithTimeZone,
    pub data_key_sealed: Vec<u8>,
    pub generation: i64,
    pub last_manifest_created_at: Option<TimeDateTimeWithTimeZone>,
    pub cdn_url: Option<String>,
    pub cdn_label: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
