//! What a lane is told and what it asks for.

use std::sync::Arc;

use hindsight_engines::log::{ConsumerError, StoredRecord};
use hindsight_schemas::ids::Offset;
use hindsight_schemas::reason::Reason;

use super::open::Opened;
use super::stages::Stages;
use crate::delivery::clock::Moment;
use crate::delivery::materializer::{Poison, PrepareError, Prepared, Progress, WriteError};
use crate::delivery::range::RangeName;

/// What happened.
#[derive(Debug)]
pub enum Input<B> {
    /// Answers [`Effect::Open`].
    Opened(Opened),
    /// [`Effect::Open`] failed, in the engine's words.
    OpenFailed(String),
    /// A record was read.
    Record(StoredRecord),
    /// The reader stands at the end; the next record has at least this offset.
    EndOfPartition(Offset),
    /// The position asked for is not in the log (first kept, after the last).
    OutOfRange {
        /// What was asked for.
        asked: Offset,
        /// What there is.
        available: (Offset, Offset),
    },
    /// Answers [`Effect::Prepare`].
    Prepared(RangeName, Result<Prepared<B>, PrepareError>),
    /// Answers [`Effect::DeadLetter`].
    DeadLettered(Result<(), String>),
    /// Answers [`Effect::Write`] and [`Effect::Settle`].
    Written(Result<(), WriteError>),
    /// Answers a commit that [`super::Lane::wanted_commit`] asked for.
    Committed(Result<(), ConsumerError>),
    /// A poll succeeded: the partition is ours until then at least.
    Lease(Moment),
    /// Memory is short: cut what there is.
    Cut,
    /// The partition goes away, or the process ends: finish what is in flight, begin nothing.
    Leave,
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Debug)]
pub enum Effect<B> {
    /// Read the commit, the log's bounds and, without a commit, whether the view has rows.
    Open,
    /// Read on from here; what was read of the partition and not yet given to the lane is void.
    Seek(Offset),
    /// Decode and convert.
    Prepare(RangeName, Vec<StoredRecord>),
    /// Append these to dead letters; answered when durable.
    DeadLetter(Vec<Poison>),
    /// Write under the name.
    Write(RangeName, Arc<B>),
    /// Find out what is there under the name, and write what isn't.
    Settle(RangeName, Arc<B>),
    /// These records are in dead letters and a commit has passed them: each is told once, or (after a crash between the
    /// commit and this) never. Letters that were appended twice are one.
    LettersSettled(Vec<(Offset, Reason)>),
    /// Tell the materializer how far the lane is.
    Progress(Progress),
    /// A range is done.
    Finished {
        /// Which.
        name: RangeName,
        /// How many records it had.
        records: usize,
        /// Their bytes.
        bytes: usize,
        /// Where its time went.
        stages: Stages,
        /// It was pending when the partition was assigned.
        recovered: bool,
    },
    /// People must hear of this.
    Alarm(Alarm),
    /// The lane stands; it begins anew after a pause, unless it was fenced.
    Stopped(LaneError),
}

/// What must not go by silently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// Retention was faster than the lane: what lay between is not in this view.
    #[error("records {from}..{to} expired before they were delivered: prolong the log's retention")]
    Expired {
        /// The first that is gone.
        from: Offset,
        /// The first that is kept.
        to: Offset,
    },
    /// The group has no commit, the view has rows.
    #[error("the view has rows but its group has no commit: every range is settled, which is slow")]
    RowsWithoutCommit,
    /// The commit is none of ours.
    #[error(
        "the commit at {offset} was set by hand: every range up to the log's end is settled, which is slow; if it was set \
         forward, records before it are not in this view: `hindsight scrub --all` finds them, `hindsight rebuild analytics` \
         or `search` brings them back, replays need the commit set back (docs/guarantees.md, 'Setting offsets back')"
    )]
    CommitByHand {
        /// Where.
        offset: Offset,
    },
}

impl Alarm {
    /// All names.
    pub const NAMES: [&str; 3] = ["expired", "rows_without_commit", "commit_by_hand"];

    /// The name in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Alarm::Expired { .. } => "expired",
            Alarm::RowsWithoutCommit => "rows_without_commit",
            Alarm::CommitByHand { .. } => "commit_by_hand",
        }
    }
}

/// Why a lane stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// Offsets mean something else than they did.
    #[error(
        "offset {known} was read before but the log ends at {log_end}: this is not the same log any more, it lost its end, \
         or the commit was set beyond it; mend log.brokers or set the commit back, else see docs/guarantees.md, 'The log is \
         older'; `hindsight scrub --all` compares what the log has with the views"
    )]
    LogIdentity {
        /// What was known.
        known: Offset,
        /// Where the log ends.
        log_end: Offset,
    },
    /// The pending range is another version's.
    #[error(
        "a range is pending of version {pending}, which this version can't repeat: start that one to finish it"
    )]
    Version {
        /// Whose it is.
        pending: u32,
    },
    /// The commit, the log or the view could not be read.
    #[error("lane can't be opened: {0}")]
    Open(String),
    /// See [`PrepareError`].
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Too much poison.
    #[error(
        "{poison} of {records} records from {first} on are unreadable, with those before them too many: look at the dead letters and mend the writer; a restart of this process counts anew"
    )]
    PoisonRatio {
        /// The range's first record.
        first: Offset,
        /// How many can't be read.
        poison: u64,
        /// Of how many.
        records: u64,
    },
    /// Dead letters could not be appended.
    #[error("dead letters were not taken: {0}")]
    DeadLetters(String),
    /// The sink's own words.
    #[error("{0}")]
    Write(String),
    /// The commit was not answered; it is repeated.
    #[error("{0}")]
    Commit(String),
    /// No poll succeeded for longer than the session time-out.
    #[error("the lease ran out: another process may own the partition")]
    LeaseLost,
    /// Another member owns the partition.
    #[error("fenced: {0}")]
    Fenced(String),
}

/// What a lane is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneState {
    /// Asks where to begin.
    Opening,
    /// Reads a pending range again.
    Repeating,
    /// Reads and writes.
    Running,
    /// Finishes what is in flight.
    Leaving,
    /// Stands with an error; tried again after a pause.
    Stopped,
}

impl LaneState {
    /// The name in metrics and readiness.
    pub fn as_str(self) -> &'static str {
        match self {
            LaneState::Opening => "opening",
            LaneState::Repeating => "repeating",
            LaneState::Running => "running",
            LaneState::Leaving => "leaving",
            LaneState::Stopped => "stopped",
        }
    }
}
