//! A CDN: an owner's, from its manifest, or the operator's.

use sea_orm::entity::prelude::*;

use super::signing_profiles;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "cdns")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub owner_id: Option<i64>,
    pub label: String,
    pub name: Option<String>,
    pub url: String,
    pub normalized_url: String,
    pub certificate: Option<String>,
    pub created_at: Option<TimeDateTimeWithTimeZone>,
    pub updated_at: Option<TimeDateTimeWithTimeZone>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_one = "signing_profiles::Entity")]
    SigningProfile,
}

impl Related<signing_profiles::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::SigningProfile.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
