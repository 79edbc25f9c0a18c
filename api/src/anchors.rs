//! The trust anchors of the moment: a watched directory, and those in the database.
//!
//! The directory is read again every second rather than watched by inotify: network file systems and
//! mounted secrets do not tell of changes, and a few files cost nothing.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use portolan_domain::{
    ids::CaFilename,
    trust::{Anchor, AnchorSettings, AnchorSource, TrustAnchors},
};
use portolan_storage::{StorageError, Store};

use crate::config::ImportConfig;

/// How often the directory and the database are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// A CA file larger than this is none.
const LARGEST_FILE: u64 = 1 << 20;

/// Holds the anchors; cheap to clone.
#[derive(Clone)]
pub struct AnchorStore(Arc<Inner>);

struct Inner {
    store: Store,
    config: ImportConfig,
    current: RwLock<Arc<Loaded>>,
}

/// A file that should hold anchors.
#[derive(Clone, PartialEq, Eq)]
struct CaFile {
    filename: CaFilename,
    source: AnchorSource,
    bytes: Vec<u8>,
    settings: AnchorSettings,
}

/// The anchors at one moment, and what they were read from.
#[derive(Default)]
struct Loaded {
    anchors: Arc<TrustAnchors>,
    files: Vec<CaFile>,
}

impl AnchorStore {
    /// An empty set; call [`AnchorStore::reload`] before the first import.
    #[must_use]
    pub fn new(store: Store, config: &ImportConfig) -> Self {
        let (config, current) = (config.clone(), RwLock::default());
        Self(Arc::new(Inner {
            store,
            config,
            current,
        }))
    }

    /// The anchors of the moment.
    #[must_use]
    pub fn current(&self) -> Arc<TrustAnchors> {
        self.loaded().anchors.clone()
    }

    fn loaded(&self) -> Arc<Loaded> {
        let current = self.0.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads directory and database, and says whether anything changed. While the database is away,
    /// what it said before stays: the directory alone is read.
    ///
    /// # Errors
    /// [`StorageError`], where the database failed otherwise.
    pub async fn reload(&self) -> Result<bool, StorageError> {
        let before = self.loaded();
        let mut files = self.directory().await;
        match self.0.store.upstream_cas().await {
            Ok(stored) => files.extend(stored.into_iter().map(|ca| CaFile {
                filename: ca.filename,
                source: AnchorSource::Database,
                bytes: ca.pem.into_bytes(),
                settings: ca.settings,
            })),
            Err(StorageError::Unavailable(_)) => {
                let stored = |file: &&CaFile| file.source == AnchorSource::Database;
                files.extend(before.files.iter().filter(stored).cloned());
            }
            Err(error) => return Err(error),
        }
        if files == before.files {
            return Ok(false);
        }
        let mut anchors = Vec::new();
        for file in &files {
            match Anchor::from_file(&file.filename, file.source, &file.bytes, &file.settings) {
                Ok(found) => anchors.extend(found),
                Err(fault) => tracing::warn!(%fault, "an upstream CA is left out"),
            }
        }
        tracing::info!(anchors = anchors.len(), "upstream CAs loaded");
        let anchors = Arc::new(TrustAnchors::new(anchors));
        let mut current = self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(Loaded { anchors, files });
        Ok(true)
    }

    /// The files of the directory, by name.
    async fn directory(&self) -> Vec<CaFile> {
        let Some(directory) = self.0.config.upstream_ca_dir.clone() else {
            return Vec::new();
        };
        let read = tokio::task::spawn_blocking(move || read_directory(&directory)).await;
        let mut files = read.unwrap_or_default();
        files.sort();
        let file = |(filename, bytes)| CaFile {
            source: AnchorSource::Directory,
            settings: self.0.config.anchor_settings(&filename),
            filename,
            bytes,
        };
        files.into_iter().map(file).collect()
    }

    /// Reads everything again, again and again, until the task is dropped.
    pub async fn watch(self) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.reload().await {
                tracing::error!(%error, "upstream CAs cannot be read");
            }
        }
    }
}

/// The anchors of the configured directory alone, for commands without a database.
#[must_use]
pub fn read_anchors(config: &ImportConfig) -> TrustAnchors {
    let directory = config
        .upstream_ca_dir
        .as_deref()
        .filter(|directory| directory.is_dir());
    let files = directory.map(read_directory).unwrap_or_default();
    let anchors = files.iter().flat_map(|(name, bytes)| {
        let settings = config.anchor_settings(name);
        Anchor::from_file(name, AnchorSource::Directory, bytes, &settings).unwrap_or_default()
    });
    TrustAnchors::new(anchors.collect())
}

/// The readable `*.crt` and `*.pem` of a directory. What cannot be read is said in the log.
fn read_directory(directory: &Path) -> Vec<(CaFilename, Vec<u8>)> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let directory = directory.display();
            tracing::error!(%directory, %error, "the upstream CA directory cannot be read");
            return Vec::new();
        }
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.filter_map(|path| read_ca(&path)).collect()
}

fn read_ca(path: &PathBuf) -> Option<(CaFilename, Vec<u8>)> {
    let wanted = path
        .extension()
        .is_some_and(|kind| kind == "crt" || kind == "pem");
    let name = path
        .file_name()?
        .to_str()?
        .parse()
        .ok()
        .filter(|_| wanted)?;
    let metadata = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    if metadata.len() > LARGEST_FILE {
        tracing::warn!(file = %path.display(), "an upstream CA file is left out: it is too large");
        return None;
    }
    match std::fs::read(path) {
        Ok(bytes) => Some((name, bytes)),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "an upstream CA cannot be read");
            None
        }
    }
}
