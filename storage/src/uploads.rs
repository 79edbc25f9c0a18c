//! Uploads that are kept, sealed by the owner's data key, in pieces: what a restore puts back, and what
//! a job goes on with on any node. On both engines they are rows: they come with the import that they
//! belong to, in one transaction, are in every backup, and go with their owner.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use portolan_domain::{digest::Sha256Digest, ids::OwnerKey, import::ImportStatus};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Set, sea_query::Expr,
};
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    entity::{imports, jobs, upload_pieces, uploads},
    error::{Result, StorageError},
    imports::Upload,
    jobs::OPEN,
    seal::{Place, SealingKey},
    store::Store,
    times,
};

/// Bytes of a piece: what reading and writing an upload keeps in memory.
const PIECE: usize = 1 << 20;
/// Records that are looked through for the uploads of the last imports.
const LOOKED_THROUGH: u64 = 10_000;

/// An upload that was kept.
pub struct KeptUpload {
    /// The file's name, where the client gave one.
    pub file_name: Option<String>,
    /// SHA-256 of the upload.
    pub sha256: Sha256Digest,
    /// Its bytes.
    pub size: u64,
    id: Uuid,
    owner: i64,
    sealing: SealingKey,
}

/// An upload that is to be kept.
pub(crate) struct NewUpload<'a> {
    pub id: Uuid,
    pub owner: i64,
    pub upload: &'a Upload,
    pub file: &'a Arc<File>,
    pub at: OffsetDateTime,
}

impl Store {
    /// A kept upload of an owner; nothing where it is not kept any more.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn kept_upload(&self, owner: &OwnerKey, id: Uuid) -> Result<Option<KeptUpload>> {
        let owner = self.owner_row(&self.database, owner).await?;
        let row = uploads::Entity::find_by_id(id)
            .filter(uploads::Column::OwnerId.eq(owner.id))
            .one(&self.database)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let corrupt = |column| StorageError::Corrupt {
            table: "uploads",
            column,
            row: id.to_string(),
        };
        Ok(Some(KeptUpload {
            sha256: row.sha256.parse().map_err(|_| corrupt("sha256"))?,
            size: u64::try_from(row.size).map_err(|_| corrupt("size"))?,
            file_name: row.file_name,
            id,
            owner: owner.id,
            sealing: self.data_key(&owner)?,
        }))
    }

    /// A piece of a kept upload, counted from 0; nothing behind the last one.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] where it does not open.
    pub async fn upload_piece(
        &self,
        upload: &KeptUpload,
        number: i64,
    ) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let row = upload_pieces::Entity::find_by_id((upload.id, number))
            .one(&self.database)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let name = piece_name(upload.id, number);
        let opened = upload.sealing.open(&row.sealed, place(upload.owner, &name));
        opened.map(Some)
    }
}

/// A piece's place names its number: pieces that were exchanged do not open.
fn piece_name(upload: Uuid, number: i64) -> String {
    format!("{upload}/{number}")
}

const fn place(owner: i64, name: &str) -> Place<'_> {
    Place {
        table: "upload_pieces",
        owner,
        row: name,
    }
}

/// Keeps an upload within a transaction.
pub(crate) async fn keep(
    connection: &impl ConnectionTrait,
    sealing: &SealingKey,
    new: &NewUpload<'_>,
) -> Result<()> {
    let row = uploads::ActiveModel {
        id: Set(new.id),
        owner_id: Set(new.owner),
        created_at: Set(times::kept(new.at)),
        file_name: Set(new.upload.file_name.clone()),
        sha256: Set(new.upload.sha256.to_string()),
        size: Set(i64::try_from(new.upload.size).unwrap_or(i64::MAX)),
    };
    row.insert(connection).await?;
    for number in 0.. {
        let (file, sealing) = (new.file.clone(), sealing.clone());
        let (id, owner) = (new.id, new.owner);
        let sealed =
            tokio::task::spawn_blocking(move || piece(&file, &sealing, (id, owner), number));
        let sealed = sealed.await.map_err(|_| StorageError::Interrupted)??;
        let Some(sealed) = sealed else { break };
        let row = upload_pieces::ActiveModel {
            upload_id: Set(new.id),
            number: Set(number),
            sealed: Set(sealed),
        };
        upload_pieces::Entity::insert(row)
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

/// Reads and seals a piece; nothing at the end. The file's own position, which somebody else may be
/// using, stays where it is.
fn piece(
    file: &File,
    sealing: &SealingKey,
    (id, owner): (Uuid, i64),
    number: i64,
) -> Result<Option<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; PIECE]);
    let start = u64::try_from(number).unwrap_or_default() * PIECE as u64;
    let mut filled = 0;
    while filled < PIECE {
        let read = file.read_at(&mut bytes[filled..], start + filled as u64);
        match read.map_err(StorageError::Disk)? {
            0 => break,
            read => filled += read,
        }
    }
    if filled == 0 {
        return Ok(None);
    }
    let name = piece_name(id, number);
    sealing
        .seal(&bytes[..filled], place(owner, &name))
        .map(Some)
}

/// Whether an upload is still there.
pub(crate) async fn is_kept(
    connection: &impl ConnectionTrait,
    owner: i64,
    upload: Uuid,
) -> Result<bool> {
    let row = uploads::Entity::find_by_id(upload)
        .filter(uploads::Column::OwnerId.eq(owner))
        .one(connection)
        .await?;
    Ok(row.is_some())
}

/// Forgets the uploads that neither one of the owner's last imports nor an open job needs.
pub(crate) async fn forget_old(
    connection: &impl ConnectionTrait,
    owner: i64,
    keep: u64,
) -> Result<()> {
    let last: Vec<Uuid> = imports::Entity::find()
        .select_only()
        .column(imports::Column::UploadId)
        .filter(imports::Column::OwnerId.eq(owner))
        .filter(imports::Column::UploadId.is_not_null())
        .filter(imports::Column::Status.is_in([
            ImportStatus::Success.as_str(),
            ImportStatus::SuccessWithWarning.as_str(),
        ]))
        .order_by_desc(imports::Column::Id)
        .limit(LOOKED_THROUGH)
        .into_tuple()
        .all(connection)
        .await?;
    // Restored ones are there more than once: each upload counts once.
    let mut needed: Vec<Uuid> = Vec::new();
    for upload in last {
        if !needed.contains(&upload) && (needed.len() as u64) < keep {
            needed.push(upload);
        }
    }
    // What cannot be restored any more says so in its record.
    imports::Entity::update_many()
        .col_expr(imports::Column::UploadId, Expr::value(None::<Uuid>))
        .filter(imports::Column::OwnerId.eq(owner))
        .filter(imports::Column::UploadId.is_not_in(needed.iter().copied()))
        .exec(connection)
        .await?;
    let of_jobs = jobs::Entity::find()
        .select_only()
        .column(jobs::Column::UploadId)
        .filter(jobs::Column::OwnerId.eq(owner))
        .filter(jobs::Column::UploadId.is_not_null())
        .filter(jobs::Column::State.is_in(OPEN))
        .into_query();
    // One statement, and so of one moment: where it sees the upload of a job that somebody asks for
    // meanwhile, it sees the job as well.
    uploads::Entity::delete_many()
        .filter(uploads::Column::OwnerId.eq(owner))
        .filter(uploads::Column::Id.is_not_in(needed))
        .filter(uploads::Column::Id.not_in_subquery(of_jobs))
        .exec(connection)
        .await?;
    Ok(())
}

/// Forgets the upload of a job that has ended, unless an import needs it.
pub(crate) async fn forget_unneeded(
    connection: &impl ConnectionTrait,
    owner: i64,
    upload: Uuid,
) -> Result<()> {
    let needed = imports::Entity::find()
        .filter(imports::Column::UploadId.eq(upload))
        .one(connection)
        .await?;
    if needed.is_none() {
        uploads::Entity::delete_many()
            .filter(uploads::Column::OwnerId.eq(owner))
            .filter(uploads::Column::Id.eq(upload))
            .exec(connection)
            .await?;
    }
    Ok(())
}
