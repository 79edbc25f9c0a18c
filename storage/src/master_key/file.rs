//! The file of master keys on the disk: read whole, replaced whole, never readable by others.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

use portolan_domain::digest::Sha256Digest;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::{
    error::{Result, StorageError},
    seal::{KEY, SealingKey},
};

/// Keys that a file may hold: the newest, and those before it while they are being replaced.
pub(super) const MOST_KEYS: usize = 8;

/// The keys of a file, newest first, each 64 hexadecimal digits on a line of its own.
pub(super) fn read_keys(path: &Path) -> Result<Vec<SealingKey>> {
    let shown = path.display();
    let refused =
        |why: String| StorageError::MasterKey(format!("the master key file {shown} {why}"));
    let metadata = fs::metadata(path).map_err(|e| refused(format!("cannot be read: {e}")))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(refused(
            "can be read by others; run chmod 600 on it".to_owned(),
        ));
    }
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|e| refused(format!("cannot be read: {e}")))?;
    let keys: Option<Vec<SealingKey>> = text.trim().lines().map(|l| from_hex(l.trim())).collect();
    let keys = keys.filter(|keys| (1..=MOST_KEYS).contains(&keys.len()));
    keys.ok_or_else(|| {
        refused("does not hold a master key: it must be 64 hexadecimal digits".to_owned())
    })
}

pub(super) fn text_of(keys: &[SealingKey]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(keys.len() * (2 * KEY + 1)));
    for key in keys {
        for byte in key.as_bytes() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> StorageError {
    let shown = path.display();
    StorageError::MasterKey(format!(
        "the master key file {shown} cannot be written: {error}"
    ))
}

/// Writes a file that must not exist, readable by its owner alone, whole before it has its name:
/// two programs that start at once agree on one key.
pub(super) fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = draft_beside(path, content)?;
    draft.persist_noclobber(path).map_err(|error| error.error)?;
    folder_of(path)?.sync_all()
}

/// Replaces a file by one with this content: whoever reads it sees the old one or the new one.
pub(super) fn write_over(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = draft_beside(path, content)?;
    draft.persist(path).map_err(|error| error.error)?;
    folder_of(path)?.sync_all()
}

/// A file beside the one that is meant, on the disk, readable by its owner alone. Its name is random,
/// so that what a killed program left behind is in nobody's way.
fn draft_beside(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut draft = tempfile::Builder::new()
        .prefix(".master-key-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    Ok(draft)
}

/// The folder of a file. A new name is on the disk once its folder is.
pub(super) fn folder_of(path: &Path) -> io::Result<File> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
}

fn from_hex(text: &str) -> Option<SealingKey> {
    let digest: Sha256Digest = text.parse().ok()?;
    SealingKey::from_bytes(digest.as_bytes())
}
