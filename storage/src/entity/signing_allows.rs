//! What may be signed for an owner at a CDN.

use sea_orm::entity::prelude::*;

use super::owners;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_allows")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub cdn_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub prefix: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "owners::Entity",
        from = "Column::OwnerId",
        to = "owners::Column::Id"
    )]
    Owner,
}

impl Related<owners::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Owner.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
