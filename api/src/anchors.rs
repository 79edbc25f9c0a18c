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

use tokio::sync::Mutex;

use crate::{config::ImportConfig, patience::patiently};

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
    reloading: Mutex<()>,
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
            reloading: Mutex::default(),
        }))
    }

    /// The anchors of the moment.
    #[must_use]
    pub fn current(&self) -> Arc<TrustAnchors> {
        self.loaded().anchors.clone()
    }

    /// Whether these are still they.
    #[must_use]
    pub fn is_current(&self, anchors: &Arc<TrustAnchors>) -> bool {
        let current = self.0.current.read();
        let current = current.unwrap_or_else(PoisonError::into_inner);
        Arc::ptr_eq(&current.anchors, anchors)
    }

    fn loaded(&self) -> Arc<Loaded> {
        let current = self.0.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads directory and database, and says whether anything changed. What cannot be read just
    /// now stays as it was, and keeps nothing else from counting.
    ///
    /// # Errors
    /// [`StorageError`], where the database failed for another reason than being away.
    pub async fn reload(&self) -> Result<bool, StorageError> {
        // One at a time: an older reading must not be stored over a newer one.
        let _turn = self.0.reloading.lock().await;
        let before = self.loaded();
        let of_source = |source| {
            before
                .files
                .iter()
                .filter(move |file| file.source == source)
                .cloned()
        };
        let directory = self.directory().await;
        let mut files: Vec<CaFile> =
            directory.unwrap_or_else(|| of_source(AnchorSource::Directory).collect());
        // A database that hangs must not keep the directory from counting.
        let stored = patiently(self.0.store.upstream_cas(), false).await;
        let mut failure = None;
        match stored {
            Ok(stored) => files.extend(stored.into_iter().map(|ca| CaFile {
                filename: ca.filename,
                source: AnchorSource::Database,
                bytes: ca.pem.into_bytes(),
                settings: ca.settings,
            })),
            Err(error) => {
                files.extend(of_source(AnchorSource::Database));
                failure = Some(error).filter(|e| !matches!(e, StorageError::Unavailable(_)));
            }
        }
        let changed = self.apply(&before, files);
        failure.map_or(Ok(changed), Err)
    }

    fn apply(&self, before: &Loaded, files: Vec<CaFile>) -> bool {
        if files == before.files {
            return false;
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
        true
    }

    /// The files of the directory, by name; none where it cannot be read just now.
    async fn directory(&self) -> Option<Vec<CaFile>> {
        let Some(directory) = self.0.config.upstream_ca_dir.clone() else {
            return Some(Vec::new());
        };
        let read = tokio::task::spawn_blocking(move || read_directory(&directory)).await;
        let mut files = read.ok()??;
        files.sort();
        let file = |(filename, bytes)| CaFile {
            source: AnchorSource::Directory,
            settings: self.0.config.anchor_settings(&filename),
            filename,
            bytes,
        };
        Some(files.into_iter().map(file).collect())
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
    let files = directory.and_then(read_directory).unwrap_or_default();
    let anchors = files.iter().flat_map(|(name, bytes)| {
        let settings = config.anchor_settings(name);
        Anchor::from_file(name, AnchorSource::Directory, bytes, &settings).unwrap_or_default()
    });
    TrustAnchors::new(anchors.collect())
}

/// The readable `*.crt` and `*.pem` of a directory; an empty list where there is no directory, and
/// nothing where it is there but cannot be read. What is left out is said in the log.
fn read_directory(directory: &Path) -> Option<Vec<(CaFilename, Vec<u8>)>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let shown = directory.display();
            tracing::error!(directory = %shown, %error, "the upstream CA directory cannot be read");
            return (error.kind() == std::io::ErrorKind::NotFound).then(Vec::new);
        }
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    Some(paths.filter_map(|path| read_ca(&path)).collect())
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
