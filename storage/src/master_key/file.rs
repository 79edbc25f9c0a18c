//! The file of master keys on the disk: read whole, replaced whole, never readable by others.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use portolan_domain::digest::Sha256Digest;
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
    let draft = write_draft(path, content)?;
    let named = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    named.and_then(|()| sync_folder(path))
}

/// Writes a file beside the one that is meant, on the disk and readable by its owner alone.
pub(super) fn write_draft(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written {
        fs::remove_file(&draft)?;
        return Err(error);
    }
    Ok(draft)
}

/// A new name is on the disk once its folder is.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn from_hex(text: &str) -> Option<SealingKey> {
    let digest: Sha256Digest = text.parse().ok()?;
    SealingKey::from_bytes(digest.as_bytes())
}
