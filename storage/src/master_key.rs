//! The master key: a file of 32 random bytes in hexadecimal, mode 0600, outside the database.

mod file;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use portolan_domain::digest::Sha256Digest;
use zeroize::Zeroizing;

use self::file::{MOST_KEYS, folder_of, read_keys, text_of, unwritable, write_new, write_over};
use crate::{
    error::{Result, StorageError},
    seal::{Place, SealingKey},
};

/// The key that seals the data keys of all owners. While it is being replaced, its file holds the new
/// one first and the old one behind it, and either opens.
#[derive(Clone)]
pub struct MasterKey {
    file: Arc<Path>,
    keys: Arc<RwLock<Vec<SealingKey>>>,
}

impl MasterKey {
    /// Reads the key from its file.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] says what is wrong with the file: missing, not a key, or readable
    /// by others.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::of(path, read_keys(path)?))
    }

    /// Writes a new random key to a new file with mode 0600. Nothing is ever overwritten.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let keys = vec![SealingKey::generate()?];
        let text = text_of(&keys);
        write_new(path, text.as_bytes()).map_err(|error| unwritable(path, &error))?;
        Ok(Self::of(path, keys))
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

    fn of(path: &Path, keys: Vec<SealingKey>) -> Self {
        Self {
            file: Arc::from(path),
            keys: Arc::new(RwLock::new(keys)),
        }
    }

    fn keys(&self) -> Vec<SealingKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    /// The first key of the file.
    pub(crate) fn newest(&self) -> SealingKey {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        // A file without a key is never read.
        keys[0].clone()
    }

    /// Opens a sealed value, and says which key did. Where none does, the file is read again: the
    /// key may have been replaced while this program runs.
    pub(crate) fn opening(
        &self,
        sealed: &[u8],
        place: Place<'_>,
    ) -> Result<(SealingKey, Zeroizing<Vec<u8>>)> {
        let error = match open_with(&self.keys(), sealed, place) {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let Ok(keys) = read_keys(&self.file) else {
            return Err(error);
        };
        // Only keys that open something take the place of those that are known to.
        let opened = open_with(&keys, sealed, place)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(opened)
    }

    /// Keeps other programs from replacing the file, until what it returns is dropped. It waits.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where the folder cannot be locked.
    pub(crate) fn lock(&self) -> Result<fs::File> {
        let locked = folder_of(&self.file).and_then(|folder| folder.lock().map(|()| folder));
        locked.map_err(|error| unwritable(&self.file, &error))
    }

    /// Reads the file again: what another program made of it, before this one had the lock.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where it cannot be read.
    pub(crate) fn reread(&self) -> Result<()> {
        let keys = read_keys(&self.file)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Puts a new key before those of the file.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where the file cannot be read or replaced.
    pub(crate) fn add_newest(&self) -> Result<()> {
        let mut keys = read_keys(&self.file)?;
        keys.insert(0, SealingKey::generate()?);
        keys.truncate(MOST_KEYS);
        self.replace(keys)
    }

    /// Takes those keys out of the file that are older than `sealing`, the one that everything is
    /// sealed by. They go into a file beside it, since older copies of the database still need them.
    /// None where there are none.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where a file cannot be written.
    pub(crate) fn drop_older(&self, sealing: &SealingKey) -> Result<Option<PathBuf>> {
        let mut keys = read_keys(&self.file)?;
        let sealing = keys
            .iter()
            .position(|key| key.as_bytes() == sealing.as_bytes());
        // Where somebody took it out, nothing in the file is known to be of no use.
        let old = sealing.map_or_else(Vec::new, |at| keys.split_off(at + 1));
        if old.is_empty() {
            return Ok(None);
        }
        let text = text_of(&old);
        // Named by what it holds: two rotations never write to one file.
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        let digest = Sha256Digest::of(text.as_bytes()).to_string();
        name.push(format!(".before-{}", &digest[..8]));
        let before = self.file.with_file_name(name);
        match write_new(&before, text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(unwritable(&before, &error));
            }
            _ => {}
        }
        self.replace(keys)?;
        Ok(Some(before))
    }

    fn replace(&self, keys: Vec<SealingKey>) -> Result<()> {
        let text = text_of(&keys);
        let replaced = write_over(&self.file, text.as_bytes());
        replaced.map_err(|error| unwritable(&self.file, &error))?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }
}

fn open_with(
    keys: &[SealingKey],
    sealed: &[u8],
    place: Place<'_>,
) -> Result<(SealingKey, Zeroizing<Vec<u8>>)> {
    let mut refused = None;
    for key in keys {
        match key.open(sealed, place) {
            Ok(opened) => return Ok((key.clone(), opened)),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| StorageError::MasterKey("there is no master key".to_owned())))
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
        assert_eq!(made.newest().as_bytes(), read.newest().as_bytes());
        assert!(MasterKey::create(&path).is_err(), "a key was overwritten");
    }

    #[test]
    fn a_new_key_opens_beside_the_old_one_and_then_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let (rotating, running) = (
            MasterKey::create(&path).unwrap(),
            MasterKey::read(&path).unwrap(),
        );
        let place = crate::instance::place("test");
        let old = rotating.newest().seal(b"old", place).unwrap();
        rotating.add_newest().unwrap();
        let new = rotating.newest().seal(b"new", place).unwrap();
        // A program that runs finds the new key by itself, and still knows the old one.
        for sealed in [&old, &new, &old] {
            assert!(running.opening(sealed, place).is_ok());
        }
        let before = rotating.drop_older(&rotating.newest()).unwrap().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&before), mode(&path)), (0o600, 0o600));
        let alone = MasterKey::read(&path).unwrap();
        assert!(alone.opening(&new, place).is_ok());
        assert!(alone.opening(&old, place).is_err());
        let before = MasterKey::read(&before).unwrap();
        assert!(before.opening(&old, place).is_ok());
        assert_eq!(rotating.drop_older(&rotating.newest()).unwrap(), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
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
