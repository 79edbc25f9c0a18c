//! Brings an owner's pools and entitlements to what the manifest says, by upstream ids: the new are
//! added, the changed updated, the gone removed, and what did not change is not written.

use std::collections::HashMap;

use portolan_domain::{
    digest::Sha256Digest,
    ids::EntitlementId,
    import::{Changes, Counts},
    manifest::Entitlement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, Set,
    sea_query::{ExprTrait, OnConflict},
};

use super::{
    changes::Plan,
    pools::PoolReconciler,
    rows::{content_digest, entitlement_row},
    seen::Seen,
};
use crate::{
    downstream::follow_moved,
    entity::{
        entitlement_ids,
        entitlements::{self, Column as C},
    },
    error::{Result, StorageError},
    seal::SealingKey,
};

/// The kind of an id that a manifest brought.
pub(crate) const UPSTREAM: &str = "UPSTREAM";
/// Rows looked through at once for those that are gone.
pub(super) const SWEEP: u64 = 2000;

/// The state of one reconciliation.
pub(super) struct Reconciler {
    owner: i64,
    before: u64,
    seen: Seen,
    pools: PoolReconciler,
    counts: Counts,
    plan: Plan,
}

/// What the manifest says of one entitlement that has to be written.
struct Change {
    entitlement: Entitlement,
    content_sha256: Sha256Digest,
}

impl Reconciler {
    pub async fn new(connection: &impl ConnectionTrait, owner: i64, dry_run: bool) -> Result<Self> {
        Ok(Self {
            owner,
            before: of_owner(owner).count(connection).await?,
            pools: PoolReconciler::new(connection, owner).await?,
            seen: Seen::default(),
            counts: Counts::default(),
            plan: Plan::of(dry_run),
        })
    }

    /// Adds or updates one batch.
    pub async fn add(
        &mut self,
        connection: &impl ConnectionTrait,
        sealing: &SealingKey,
        batch: Vec<Entitlement>,
    ) -> Result<()> {
        let ids: Vec<String> = batch.iter().map(|e| e.id.to_string()).collect();
        if let Some(taken) = Self::taken_by_others(connection, self.owner, &ids).await? {
            return Err(StorageError::EntitlementIdInUse(taken));
        }
        self.pools.add(connection, &batch, &mut self.plan).await?;
        let stored = self.stored_digests(connection, ids).await?;
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for entitlement in batch {
            self.seen.insert(entitlement.id.as_str());
            let content_sha256 = content_digest(&entitlement);
            let change = Change {
                entitlement,
                content_sha256,
            };
            match stored.get(change.entitlement.id.as_str()) {
                None => new.push(change),
                Some(before) if before[..] == content_sha256.as_bytes()[..] => {
                    self.counts.unchanged += 1;
                }
                Some(_) => changed.push(change),
            }
        }
        self.counts.added += new.len() as u64;
        self.counts.updated += changed.len() as u64;
        let (added, updated) = (new.iter(), changed.iter());
        let planned = self.plan.entitlements(
            connection,
            (self.owner, sealing),
            added.map(|change| &change.entitlement),
            updated.map(|change| &change.entitlement),
        );
        // Few imports are dry runs: the others need no room for this.
        Box::pin(planned).await?;
        self.claim_ids(connection, &new).await?;
        self.write(connection, sealing, new.into_iter().chain(changed))
            .await
    }

    /// The first of these ids that is another owner's, or not an upstream entitlement's.
    pub async fn taken_by_others(
        connection: &impl ConnectionTrait,
        owner: i64,
        ids: &[String],
    ) -> Result<Option<EntitlementId>> {
        let found = entitlement_ids::Entity::find()
            .filter(entitlement_ids::Column::Id.is_in(ids))
            .filter(
                entitlement_ids::Column::OwnerId
                    .ne(owner)
                    .or(entitlement_ids::Column::Kind.ne(UPSTREAM)),
            )
            .one(connection)
            .await?;
        Ok(found.and_then(|row| row.id.parse().ok()))
    }

    async fn stored_digests(
        &self,
        connection: &impl ConnectionTrait,
        ids: Vec<String>,
    ) -> Result<HashMap<String, Vec<u8>>> {
        if self.before == 0 {
            return Ok(HashMap::new());
        }
        let rows: Vec<(String, Vec<u8>)> = of_owner(self.owner)
            .select_only()
            .columns([
                entitlements::Column::Id,
                entitlements::Column::ContentSha256,
            ])
            .filter(entitlements::Column::Id.is_in(ids))
            .into_tuple()
            .all(connection)
            .await?;
        Ok(rows.into_iter().collect())
    }

    async fn claim_ids(&self, connection: &impl ConnectionTrait, new: &[Change]) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        // In one order everywhere: two imports that want the same ids wait instead of deadlocking.
        let mut new: Vec<&Change> = new.iter().collect();
        new.sort_unstable_by(|a, b| a.entitlement.id.cmp(&b.entitlement.id));
        let rows = new.into_iter().map(|change| entitlement_ids::ActiveModel {
            id: Set(change.entitlement.id.to_string()),
            owner_id: Set(self.owner),
            kind: Set(UPSTREAM.to_owned()),
        });
        entitlement_ids::Entity::insert_many(rows)
            .exec_without_returning(connection)
            .await?;
        Ok(())
    }

    async fn write(
        &self,
        connection: &impl ConnectionTrait,
        sealing: &SealingKey,
        changes: impl Iterator<Item = Change>,
    ) -> Result<()> {
        let row = |c: Change| entitlement_row(self.owner, sealing, c.entitlement, c.content_sha256);
        let rows: Result<Vec<_>> = changes.map(row).collect();
        let rows = rows?;
        if rows.is_empty() {
            return Ok(());
        }
        let replace = OnConflict::column(C::Id)
            .update_columns([
                C::PoolId,
                C::Quantity,
                C::StartsAt,
                C::EndsAt,
                C::Cert,
                C::KeySealed,
                C::Serial,
                C::NotBefore,
                C::NotAfter,
                C::ContentSha256,
            ])
            .to_owned();
        entitlements::Entity::insert_many(rows)
            .on_conflict(replace)
            .exec_without_returning(connection)
            .await?;
        Ok(())
    }

    /// Removes entitlements and pools that the manifest did not name, and tells what was done.
    pub async fn remove_gone(&mut self, connection: &impl ConnectionTrait) -> Result<Counts> {
        let kept = self.counts.unchanged + self.counts.updated;
        self.counts.removed = self.before - kept;
        if self.counts.removed > 0 {
            self.sweep_entitlements(connection).await?;
        }
        if self.counts.updated > 0 {
            follow_moved(connection, self.owner).await?;
        }
        self.counts.downstream_removed = self.pools.remove_gone(connection, &mut self.plan).await?;
        Ok(self.counts)
    }

    /// What a dry run would change of entitlements and pools.
    pub fn changes(&mut self) -> Changes {
        self.plan.take()
    }

    async fn sweep_entitlements(&mut self, connection: &impl ConnectionTrait) -> Result<()> {
        let mut last = String::new();
        loop {
            let ids: Vec<String> = of_owner(self.owner)
                .select_only()
                .column(entitlements::Column::Id)
                .filter(entitlements::Column::Id.gt(last))
                .order_by_asc(entitlements::Column::Id)
                .limit(SWEEP)
                .into_tuple()
                .all(connection)
                .await?;
            let Some(end) = ids.last().cloned() else {
                return Ok(());
            };
            last = end;
            let gone = self.seen.missing(ids);
            let planned = self
                .plan
                .removed_entitlements(connection, self.owner, &gone);
            Box::pin(planned).await?;
            entitlements::Entity::delete_many()
                .filter(entitlements::Column::OwnerId.eq(self.owner))
                .filter(entitlements::Column::Id.is_in(gone.clone()))
                .exec(connection)
                .await?;
            entitlement_ids::Entity::delete_many()
                .filter(entitlement_ids::Column::OwnerId.eq(self.owner))
                .filter(entitlement_ids::Column::Id.is_in(gone))
                .exec(connection)
                .await?;
        }
    }
}

fn of_owner(owner: i64) -> Select<entitlements::Entity> {
    entitlements::Entity::find().filter(entitlements::Column::OwnerId.eq(owner))
}
