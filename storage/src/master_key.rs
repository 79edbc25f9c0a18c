//! The master key: a file of 32 random bytes in hexadecimal, mode 0600, outside the database.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use zeroize::Zeroizing;

use crate::{
    error::{Result, StorageError},
    seal::{KEY, SealingKey},
};

/// The key that seals the data keys of all owners.
#[derive(Clone)]
pub struct MasterKey(SealingKey);

impl MasterKey {
    /// Reads the key from its file.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] says what is wrong with the file: missing, not a key, or readable
    /// by others.
    pub fn read(path: &Path) -> Result<Self> {
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
        let key = from_hex(text.trim()).ok_or_else(|| {
            refused("does not hold a master key: it must be 64 hexadecimal digits".to_owned())
        })?;
        Ok(Self(key))
    }

    /// Writes a new random key to a new file with mode 0600. Nothing is ever overwritten.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let key = SealingKey::generate()?;
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY + 1));
        for byte in key.as_bytes() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        write_new(path, text.as_bytes()).map_err(|error| {
            let shown = path.display();
            StorageError::MasterKey(format!(
                "the master key file {shown} cannot be written: {error}"
            ))
        })?;
        Ok(Self(key))
    }

    /// Reads the key, or makes it on the first start: for the embedded database, beside which it stands.
    ///
    /// # Errors
    /// As [`MasterKey::read`] and [`MasterKey::create`].
    pub fn read_or_create(path: &Path) -> Result<Self> {
        match fs::exists(path) {
            Ok(false) => Self::create(path).or_else(|_| Self::read(path)),
            _ => Self::read(path),
        }
    }

    pub(crate) fn sealing(&self) -> &SealingKey {
        &self.0
    }
}

/// Writes a file that must not exist, readable by its owner alone, whole before it has its name:
/// two programs that start at once agree on one key.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    written
}

fn from_hex(text: &str) -> Option<SealingKey> {
    let digest: portolan_domain::digest::Sha256Digest = text.parse().ok()?;
    SealingKey::from_bytes(digest.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn is_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = MasterKey::read_or_create(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let read = MasterKey::read_or_create(&path).unwrap();
        assert_eq!(made.0.as_bytes(), read.0.as_bytes());
        assert!(MasterKey::create(&path).is_err(), "a key was overwritten");
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let why = |path: &Path| MasterKey::read(path).err().unwrap().to_string();
        assert!(why(&path).contains("cannot be read"));
        fs::write(&path, "not a key").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(why(&path).contains("64 hexadecimal digits"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(why(&path).contains("chmod 600"));
    }
}
