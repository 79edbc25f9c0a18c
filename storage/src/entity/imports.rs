//! The record of an import.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "imports")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner_id: i64,
    pub created_at: TimeDateTimeWithTimeZone,
    pub status: String,
    pub status_message: String,
    pub file_name: Option<String>,
    pub sha256: Option<String>,
    pub size: i64,
    pub uploaded_by: String,
    pub generated_by: Option<String>,
    pub generated_at: Option<TimeDateTimeWithTimeZone>,
    pub forced_conflicts: String,
    pub upstream_consumer: Option<String>,
    pub verification: Option<String>,
    pub counts: String,
    pub warnings: String,
    pub timings: String,
    pub upload_id: Option<Uuid>,
    pub cdn_url_parameter: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
