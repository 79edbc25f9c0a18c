//! Imports that run without their client. A job is durable before its client hears of it, and any node
//! goes on with it: whoever runs it holds a lease, by the database's clock, and the import's own
//! transaction ends the job. So however many nodes take it, it is done once.

mod claim;
mod create;
mod job;
mod list;

pub use claim::JobClaim;
pub(crate) use claim::{End, end};
pub(crate) use job::OPEN;
pub use job::{Job, JobOutcome, JobRequest, JobState};
