//! What waits for the writer thread.
//!
//! **Bound:** appends hold permits for their bytes until they are answered (`queue_bytes`); of the other requests
//! each consumer has one in flight at most, since it waits for the answer.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use hindsight_schemas::ids::{Partition, Position};
use redb::Database;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::assignment::MemberId;
use crate::log::{AppendError, Commit, ConsumerError, NewRecord};

/// A request to the writer.
pub(super) enum Request {
    Append(Append),
    Commit(GroupCommit),
    /// Answered when everything before it is durable or has failed.
    Barrier(SyncSender<()>),
    /// Leaves a hole in a partition's offsets (tests).
    Skip(Partition, u64, SyncSender<Result<(), ConsumerError>>),
    /// Applies retention now; answers how many records went.
    Retain(SyncSender<Result<u64, ConsumerError>>),
    /// A reader met a store that has stopped; answered when it was opened again, or that failed.
    Reopen(Arc<Database>, SyncSender<()>),
    /// The last one.
    Close,
}

/// Records that one caller waits for.
pub(super) struct Append {
    /// Each with the partition that it goes to.
    pub(super) records: Vec<(Partition, NewRecord)>,
    pub(super) reply: oneshot::Sender<Result<Vec<Position>, AppendError>>,
    /// Given back when the request is answered.
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Offsets that one member commits.
pub(super) struct GroupCommit {
    pub(super) group: String,
    pub(super) member: MemberId,
    pub(super) commits: Vec<Commit>,
    pub(super) reply: SyncSender<Result<(), ConsumerError>>,
}

impl Request {
    /// Bytes that it adds to a commit, roughly.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Request::Append(append) => append
                .records
                .iter()
                .map(|(_, record)| super::record::encoded_len(record))
                .sum(),
            Request::Commit(commit) => commit
                .commits
                .iter()
                .map(|commit| commit.committed.metadata.len())
                .sum(),
            _ => 0,
        }
    }
}
