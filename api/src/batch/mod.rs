//! What all batches share (NDJSON): lines are checked before a transaction opens, and read again within
//! it: neither is slower than our own disk.

mod body;
mod lines;

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
};

use portolan_domain::lines::{FromLine, LineFault};
use portolan_storage::{BatchLine, StorageError};
use thiserror::Error;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

pub use self::body::{BatchBody, Held};
use self::lines::Lines;

/// Lines of a batch that say something, at most.
pub const MOST_LINES: u64 = 1_000_000;
/// Lines that travel to the database at once.
const CHUNK: usize = 4000;

/// Why a batch was not stored.
#[derive(Debug, Error)]
pub enum BatchError {
    /// A line cannot be read.
    #[error("line {line}: {fault}")]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// There are more lines than a batch may have.
    #[error("line {line}: a batch may have at most {MOST_LINES} lines")]
    TooMany {
        /// The first line too many.
        line: u64,
    },
    /// A line stands against what is here, or the database failed.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// A temporary file failed.
    #[error("a temporary file failed")]
    Disk(#[from] io::Error),
    /// A thread of this program ended early.
    #[error("the batch was interrupted")]
    Interrupted,
}

/// Lines that were all read once, and come again in pieces.
pub struct Chunks<T> {
    chunks: mpsc::Receiver<Vec<BatchLine<T>>>,
    reading: JoinHandle<Result<(), BatchError>>,
}

/// Reads all lines of a file once, so that no transaction waits for what will be refused.
///
/// # Errors
/// The first line that is refused.
pub async fn checked<T: FromLine>(file: File) -> Result<File, BatchError> {
    let checked = spawn_blocking(move || check::<T>(file));
    checked.await.map_err(|_| BatchError::Interrupted)?
}

impl<T: FromLine + Send + 'static> Chunks<T> {
    /// Begins to read the lines of a file.
    #[must_use]
    pub fn of(file: File) -> Self {
        let (sender, chunks) = mpsc::channel(1);
        let reading = spawn_blocking(move || send(file, &sender));
        Self { chunks, reading }
    }

    /// The next lines; none at the end.
    pub async fn next(&mut self) -> Option<Vec<BatchLine<T>>> {
        self.chunks.recv().await
    }

    /// Whether all were read.
    ///
    /// # Errors
    /// What ended them early.
    pub async fn finish(self) -> Result<(), BatchError> {
        self.reading.await.map_err(|_| BatchError::Interrupted)?
    }
}

fn check<T: FromLine>(mut file: File) -> Result<File, BatchError> {
    for line in Lines::<_, T>::of(&file) {
        line?;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Sends the lines on. Where nobody takes them any more, the storing side has failed and knows why.
fn send<T: FromLine>(
    file: File,
    sender: &mpsc::Sender<Vec<BatchLine<T>>>,
) -> Result<(), BatchError> {
    let mut lines = Lines::of(file);
    loop {
        let chunk: Vec<BatchLine<T>> = lines.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        if chunk.is_empty() {
            return Ok(());
        }
        let gone = |_| BatchError::Interrupted;
        sender.blocking_send(chunk).map_err(gone)?;
    }
}
