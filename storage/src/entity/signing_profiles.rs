//! With which key a CDN of the operator's lets URLs be signed.

use sea_orm::entity::prelude::*;

use super::cdns;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_profiles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub cdn_id: i64,
    pub kind: String,
    pub key_id: Option<String>,
    pub hash: Option<String>,
    pub secret_sealed: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "cdns::Entity",
        from = "Column::CdnId",
        to = "cdns::Column::Id"
    )]
    Cdn,
}

impl Related<cdns::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Cdn.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
