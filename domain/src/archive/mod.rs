//! Zip archives that nobody has to trust: the shape of an upload, checked byte for byte.
//!
//! A zip can be read in two ways at once (two directories, two names for one entry, bytes between
//! entries), and whoever verifies one reading while another is parsed can be cheated. So the
//! structure is refused unless there is just one reading: [`layout`] proves that directory, local
//! headers and data cover the file without gap or overlap, and all content is read through the
//! same descriptor that was checked.

mod entries;
mod error;
mod layout;
mod limited;
mod signed;

pub(crate) use entries::{Budget, ZipEntries};
pub use error::{ArchiveError, ArchiveFault, ArchivePart, OpenError};
pub use signed::SignedArchive;
