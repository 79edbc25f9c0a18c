//! Parses the items of a manifest on a blocking thread, and sends them on in batches.

use std::{fs::File, time::Instant};

use portolan_domain::{
    import::Warnings,
    manifest::{Entitlement, Item, Manifest},
};
use portolan_storage::KeptFile;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::{options::ImportError, run::millis};

/// Rows in a batch, and bytes of them, at most: what bounds the memory of an import.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 2 << 20;

/// What travels from the parser to the database.
pub(super) enum Batch {
    Entitlements(Vec<Entitlement>),
    Files(Vec<KeptFile>),
}

/// Collects items into batches and sends them on; waits where the database is slower.
struct Batcher<'a> {
    sender: &'a mpsc::Sender<Batch>,
    entitlements: Vec<Entitlement>,
    files: Vec<KeptFile>,
    bytes: usize,
}

impl Batcher<'_> {
    fn add(&mut self, item: Item, warnings: &mut Warnings) -> Result<(), ImportError> {
        match item {
            Item::Entitlement(entitlement, found) => {
                for warning in found {
                    warnings.push(warning);
                }
                let details = entitlement.pool.details.as_ref().map_or(0, String::len);
                let cert = entitlement.certificate.as_ref().map_or(0, |c| c.cert.len());
                self.bytes += cert + details + 4096;
                self.entitlements.push(*entitlement);
            }
            Item::Kept {
                path,
                bytes: content,
            } => {
                self.bytes += content.len();
                self.files.push(KeptFile { path, content });
            }
        }
        let rows = self.entitlements.len().max(self.files.len());
        if rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        self.bytes = 0;
        let send = |batch| {
            let gone = |_| ImportError::Interrupted;
            self.sender.blocking_send(batch).map_err(gone)
        };
        let entitlements = std::mem::take(&mut self.entitlements);
        if !entitlements.is_empty() {
            send(Batch::Entitlements(entitlements))?;
        }
        let files = std::mem::take(&mut self.files);
        if !files.is_empty() {
            send(Batch::Files(files))?;
        }
        Ok(())
    }
}

/// Parses all items on a blocking thread. Where the receiver is gone, the storing side has failed
/// and knows why.
pub(super) fn parse(
    mut manifest: Manifest<File>,
    now: OffsetDateTime,
    sender: &mpsc::Sender<Batch>,
) -> Result<(Warnings, u64), ImportError> {
    let started = Instant::now();
    let mut warnings = Warnings::default();
    for warning in manifest.warnings(now) {
        warnings.push(warning);
    }
    let mut batcher = Batcher {
        sender,
        entitlements: Vec::new(),
        files: Vec::new(),
        bytes: 0,
    };
    manifest.items(now, |item| batcher.add(item, &mut warnings))?;
    batcher.flush()?;
    Ok((warnings, millis(started)))
}
