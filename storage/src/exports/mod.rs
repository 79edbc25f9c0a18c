//! Exports: what an owner has imported, read in one state however long that takes.

mod consumer;
mod read;
mod rows;
mod sizes;

pub use read::{ExportReader, ExportSource};
