//! Trust anchors that were added over REST or the command line.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_cas")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub filename: String,
    pub pem: String,
    pub require_scheme: bool,
    pub owners: Option<String>,
    pub created_at: TimeDateTimeWithTimeZone,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
