//! The first step: an upload opened as an archive of the right shape. Nothing is believed yet.

use std::{
    io::{BufReader, Read, Seek, Write},
    ops::ControlFlow,
};

use super::{
    entries::{Budget, ZipEntries},
    error::{ArchiveError, ArchiveFault, ArchivePart, OpenError},
};
use crate::{
    digest::{DigestWriter, Sha256Digest},
    limits::Limits,
    trust::SigningScheme,
};

const EXPORT: &str = "consumer_export.zip";
const SIGNATURE: &str = "signature";
const SCHEME: &str = "export/scheme.json";

/// An upload of the right shape: a signed inner archive, its signature, and how it says it is signed.
///
/// The inner archive was copied once to a file of ours while its digest ran; what is verified and
/// what is parsed are the same bytes of the same descriptor.
pub struct SignedArchive<F> {
    pub(crate) export: ZipEntries<F>,
    pub(crate) digest: Sha256Digest,
    pub(crate) length: u64,
    pub(crate) signature: Vec<u8>,
    pub(crate) scheme: Option<SigningScheme>,
    pub(crate) budget: Budget,
    pub(crate) limits: Limits,
}

impl<F: Read + Write + Seek> SignedArchive<F> {
    /// Opens `upload`; the inner archive goes to `spool`, an empty file that nobody else can open.
    ///
    /// # Errors
    /// [`OpenError::Refused`] with the entry and the limit or rule it broke; [`OpenError::Disk`]
    /// where our own file failed.
    pub fn open(upload: impl Read + Seek, spool: F, limits: &Limits) -> Result<Self, OpenError> {
        let mut budget = Budget::new(limits);
        let mut outer = ZipEntries::open(ArchivePart::Outer, upload, limits)?;
        let mut signature = None;
        let mut copy = DigestWriter::new(spool);
        let mut copied = false;
        outer.visit(&mut budget, |name, content| {
            match name {
                SIGNATURE => {
                    signature = Some(content.read("signature_bytes", limits.signature_bytes)?);
                }
                EXPORT => {
                    content.copy_to(&mut copy)?;
                    copied = true;
                }
                _ => return Err(content.refuse(ArchiveFault::Unexpected)),
            }
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        let lacking = |entry, fault| ArchiveError::at(ArchivePart::Outer, entry, fault);
        if !copied {
            return Err(lacking(EXPORT, ArchiveFault::Missing).into());
        }
        let signature = signature.ok_or_else(|| lacking(SIGNATURE, ArchiveFault::Missing))?;
        if signature.is_empty() {
            return Err(lacking(SIGNATURE, ArchiveFault::EmptyEntry).into());
        }
        let (mut spool, digest, length) = copy.finish();
        spool.flush().map_err(OpenError::Disk)?;
        let mut export = ZipEntries::open(ArchivePart::Inner, spool, limits)?;
        let scheme = read_scheme(&mut export, limits)?;
        let limits = limits.clone();
        Ok(Self {
            export,
            digest,
            length,
            signature,
            scheme,
            budget,
            limits,
        })
    }
}

impl<F: Read + Seek> SignedArchive<F> {
    /// The signed bytes, from the beginning.
    pub(crate) fn signed_bytes(&mut self) -> Result<&mut BufReader<F>, OpenError> {
        self.export.rewound()
    }
}

/// Reads `scheme.json` and nothing else: the archive around it is not verified yet.
fn read_scheme<F: Read + Seek>(
    export: &mut ZipEntries<F>,
    limits: &Limits,
) -> Result<Option<SigningScheme>, OpenError> {
    // A budget of its own: the pass that parses everything counts this entry again.
    let mut budget = Budget::new(limits);
    let bytes = export.visit(&mut budget, |name, content| {
        Ok::<_, OpenError>(if name == SCHEME {
            ControlFlow::Break(content.read("scheme_bytes", limits.scheme_bytes)?)
        } else {
            ControlFlow::Continue(())
        })
    })?;
    bytes
        .map(|bytes| {
            SigningScheme::parse(&bytes).map_err(|why| {
                ArchiveError::at(ArchivePart::Inner, SCHEME, ArchiveFault::Scheme(why)).into()
            })
        })
        .transpose()
}
