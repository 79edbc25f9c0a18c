//! What an owner is upstream, and who verified it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_consumers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: i64,
    pub uuid: String,
    pub name: Option<String>,
    pub type_id: Option<String>,
    pub type_label: Option<String>,
    pub type_manifest: Option<bool>,
    pub upstream_owner_id: Option<String>,
    pub content_access_mode: Option<String>,
    pub web_url: Option<String>,
    pub api_url: Option<String>,
    pub cdn_url: Option<String>,
    pub cdn_label: Option<String>,
    pub identity_cert: Option<String>,
    pub identity_key_sealed: Option<Vec<u8>>,
    pub identity_serial: Option<String>,
    pub identity_not_before: Option<TimeDateTimeWithTimeZone>,
    pub identity_not_after: Option<TimeDateTimeWithTimeZone>,
    pub outcome: String,
    pub algorithm: Option<String>,
    pub ca_filename: Option<String>,
    pub ca_sha256: Option<String>,
    pub ca_spki_sha256: Option<String>,
    pub ca_pem: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
