//! What an authority says at a login of the repositories that are its user's.

use std::collections::BTreeSet;

use portolan_domain::gateway::NumberSet;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use time::OffsetDateTime;

use super::{
    HolderKind,
    holders::{put, row},
};
use crate::{
    audit::Actor,
    entity::{gateway_accounts, gateway_holders, gateway_tokens},
    error::Result,
    generation::gateway_changed,
    store::Store,
    times,
};

impl Store {
    /// Says which repositories a user may pull, all of them, by their numbers. To be called where they are others
    /// than before: every node looks at what has changed.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn put_gateway_user(
        &self,
        name: &str,
        repositories: &NumberSet,
        by: &Actor,
    ) -> Result<()> {
        let transaction = self.write().await?;
        let generation = gateway_changed(&transaction).await?;
        let user = row(HolderKind::User, name, Some(repositories), generation);
        put(&transaction, [user]).await?;
        let event = by.did(HolderKind::User.action()).on(name);
        let detail = format!(
            "{} repositories, said at a login",
            repositories.iter().count()
        );
        transaction.commit(event.detail(detail)).await
    }

    /// The names of all users: those whose repositories are known, those who may log in here, and those whose
    /// tokens count now.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn gateway_users(&self, now: OffsetDateTime) -> Result<BTreeSet<String>> {
        let user = HolderKind::User.as_str();
        let known: Vec<String> = gateway_holders::Entity::find()
            .select_only()
            .column(gateway_holders::Column::Name)
            .filter(gateway_holders::Column::Kind.eq(user))
            .filter(gateway_holders::Column::Repositories.is_not_null())
            .into_tuple()
            .all(&self.database)
            .await?;
        let accounts: Vec<String> = gateway_accounts::Entity::find()
            .select_only()
            .column(gateway_accounts::Column::Name)
            .into_tuple()
            .all(&self.database)
            .await?;
        let logged_in: Vec<String> = gateway_tokens::Entity::find()
            .select_only()
            .distinct()
            .column(gateway_tokens::Column::Holder)
            .filter(gateway_tokens::Column::HolderKind.eq(user))
            .filter(gateway_tokens::Column::ExpiresAt.gt(times::kept(now)))
            .into_tuple()
            .all(&self.database)
            .await?;
        Ok([known, accounts, logged_in].into_iter().flatten().collect())
    }
}
