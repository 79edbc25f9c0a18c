//! Where an OSTree repository is read: a folder, or a server. Files are small; each has a limit all the same.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use portolan_domain::{
    ids::{CollectionId, CommitId, RefName},
    ostree::{Malformed, delta_target, read_summary},
};
use reqwest::{Client, StatusCode};
use thiserror::Error;
use url::Url;

/// Bytes of a file at most. A summary of ten thousand refs has some two million.
const LARGEST: u64 = 64 << 20;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A repository that is read.
pub enum Source {
    /// Its folder.
    Folder(PathBuf),
    /// Its base URL.
    Server(Client, Url),
}

/// Why a repository cannot be read.
#[derive(Debug, Error)]
pub enum ScanError {
    /// It is none.
    #[error("{0} is no OSTree repository: it has no refs/heads")]
    NoRepository(String),
    /// A server without a summary: its refs cannot be listed.
    #[error(
        "{0} has no summary, without which a server's refs cannot be listed: ostree summary -u"
    )]
    NoSummary(Url),
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(String, #[source] io::Error),
    /// A server cannot be read.
    #[error("{0}: {1}")]
    Server(Url, String),
    /// A file is larger than any that is expected there.
    #[error("{0} has more than {LARGEST} bytes")]
    TooLarge(String),
    /// A file is not what it should be.
    #[error("{0}: {1}")]
    Malformed(String, #[source] Malformed),
    /// A commit object with another checksum than its name.
    #[error("{0} is not what its name says; ostree fsck tells more")]
    Altered(String),
    /// A ref's file holds no commit.
    #[error("{0} holds no commit")]
    NoCommit(String),
    /// A ref is at a commit that is not here.
    #[error("the commit {0} of the ref {1} is not there")]
    MissingCommit(CommitId, RefName),
}

/// Refs with their commits, and whose they are.
pub type Heads = (BTreeMap<RefName, CommitId>, Option<CollectionId>);

impl Source {
    /// A folder, or a server where it is an `http` or `https` URL.
    ///
    /// # Errors
    /// Where the client cannot be made.
    pub fn of(place: &str) -> Result<Self, ScanError> {
        let url = Url::parse(place).ok();
        let Some(mut url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            return Ok(Self::Folder(PathBuf::from(place)));
        };
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let client = Client::builder().timeout(PATIENCE).build();
        let client = client.map_err(|error| ScanError::Server(url.clone(), error.to_string()))?;
        Ok(Self::Server(client, url))
    }

    /// The refs: of a folder those in `refs/heads`, of a server those in its summary.
    ///
    /// # Errors
    /// [`ScanError`].
    pub async fn heads(&self) -> Result<Heads, ScanError> {
        match self {
            Self::Folder(folder) => {
                let heads = folder.join("refs/heads");
                if !heads.is_dir() {
                    return Err(ScanError::NoRepository(folder.display().to_string()));
                }
                let mut found = BTreeMap::new();
                read_heads(&heads, "", &mut found)?;
                Ok((found, None))
            }
            Self::Server(_, url) => {
                let summary = self.read("summary").await?;
                let summary = summary.ok_or_else(|| ScanError::NoSummary(url.clone()))?;
                let malformed = |error| ScanError::Malformed("summary".to_owned(), error);
                let summary = read_summary(&summary).map_err(malformed)?;
                Ok((summary.refs, summary.collection))
            }
        }
    }

    /// All commits that are there; of a server none, since it lists no files.
    ///
    /// # Errors
    /// [`ScanError`].
    pub fn commits(&self) -> Result<Vec<CommitId>, ScanError> {
        let names = self
            .pairs("objects")?
            .into_iter()
            .filter_map(|(first, rest)| {
                let rest = rest.strip_suffix(".commit")?;
                format!("{first}{rest}").parse().ok()
            });
        Ok(names.collect())
    }

    /// Deltas that are there, as the paths of their superblocks, with the commits that their names say;
    /// of a server none, likewise.
    ///
    /// # Errors
    /// [`ScanError`].
    pub fn deltas(&self) -> Result<Vec<(String, CommitId)>, ScanError> {
        let deltas = self
            .pairs("deltas")?
            .into_iter()
            .filter_map(|(first, rest)| {
                let target = delta_target(&first, &rest)?;
                Some((format!("deltas/{first}/{rest}/superblock"), target))
            });
        Ok(deltas.collect())
    }

    /// A file below the repository; none where there is none.
    ///
    /// # Errors
    /// [`ScanError`].
    pub async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ScanError> {
        match self {
            Self::Folder(folder) => read_file(&folder.join(path)),
            Self::Server(client, base) => download(client, base, path).await,
        }
    }

    /// Names two folders deep.
    fn pairs(&self, below: &str) -> Result<Vec<(String, String)>, ScanError> {
        let Self::Folder(folder) = self else {
            return Ok(Vec::new());
        };
        let (top, mut found) = (folder.join(below), Vec::new());
        for first in names(&top)? {
            if first.len() != 2 {
                continue;
            }
            let rest = names(&top.join(&first))?;
            found.extend(rest.into_iter().map(|rest| (first.clone(), rest)));
        }
        Ok(found)
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ScanError {
    let name = path.display().to_string();
    move |error| ScanError::File(name.clone(), error)
}

/// Names in a folder, sorted; none where there is no such folder.
fn names(folder: &Path) -> Result<Vec<String>, ScanError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed(folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed(folder))?.file_name();
        names.extend(name.to_str().map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn read_heads(
    folder: &Path,
    prefix: &str,
    found: &mut BTreeMap<RefName, CommitId>,
) -> Result<(), ScanError> {
    for name in names(folder)? {
        let (path, full) = (folder.join(&name), format!("{prefix}{name}"));
        if path.is_dir() {
            read_heads(&path, &format!("{full}/"), found)?;
        } else if let Ok(name) = full.parse() {
            let text = read_file(&path)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let commit = text.trim().parse();
            let commit = commit.map_err(|_| ScanError::NoCommit(path.display().to_string()))?;
            found.insert(name, commit);
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, ScanError> {
    let size = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(failed(path))?.len(),
    };
    if size > LARGEST {
        return Err(ScanError::TooLarge(path.display().to_string()));
    }
    fs::read(path).map(Some).map_err(failed(path))
}

async fn download(client: &Client, base: &Url, path: &str) -> Result<Option<Vec<u8>>, ScanError> {
    let failed = |why: &dyn std::fmt::Display| ScanError::Server(base.clone(), why.to_string());
    let url = base.join(path).map_err(|error| failed(&error))?;
    let mut answer = client
        .get(url)
        .send()
        .await
        .map_err(|error| failed(&error))?;
    // 403 is what servers that list nothing say of what is not there.
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => return Ok(None),
        status => return Err(failed(&format!("{path} was answered with {status}"))),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
        if (bytes.len() + chunk.len()) as u64 > LARGEST {
            return Err(ScanError::TooLarge(path.to_owned()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}
