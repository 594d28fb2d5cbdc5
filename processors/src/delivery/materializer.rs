//! What makes one view: the seam between the delivery runtime and analytics, search and replay.
//!
//! **Invariant:** a row, document or frame depends on one record only, never on its neighbours, the clock,
//! chance or rules: every cut of the same records gives the same union. A second `write` under one name
//! changes nothing.
//!
//! The runtime calls `write` for one range of a partition at a time, and never for the next before the present
//! one is durable; ranges of different partitions are written at the same time.

use std::time::Duration;

use async_trait::async_trait;
use hindsight_engines::log::StoredRecord;
use hindsight_schemas::ids::{Offset, Partition, Position, Topic};
use hindsight_schemas::reason::Reason;

use super::range::RangeName;

/// When a range is cut: at the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutLimits {
    /// Bytes of values (default 8 MiB); a single larger record is a range of its own.
    pub bytes: usize,
    /// Records (default 10,000).
    pub records: usize,
    /// So many records are enough, however young (default 10,000: the age alone decides). A range still takes all
    /// that waits, so a sink that falls behind gets larger ones.
    pub enough: usize,
    /// Age of the oldest record waiting, by the local clock (default 1 s); more where lanes take turns
    /// ([`Materializer::ranges_per_second`]).
    pub age: Duration,
}

impl Default for CutLimits {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            records: 10_000,
            enough: 10_000,
            age: Duration::from_secs(1),
        }
    }
}

/// A record that blames itself: it goes to dead letters, with the bytes that the log has of it, before its offset is passed.
#[derive(Debug, Clone)]
pub struct Poison {
    /// Where the record lies.
    pub position: Position,
    /// Under which name it is counted.
    pub reason: Reason,
    /// What the decoder or the engine said.
    pub detail: String,
}

/// What a range became.
#[derive(Debug)]
pub struct Prepared<B> {
    /// Everything to be written; may be empty.
    pub batch: B,
    /// The records that could not be read.
    pub poison: Vec<Poison>,
    /// What `batch` takes in memory: it is held until it is written, and counts against the share like records.
    pub bytes: usize,
}

/// Why a range can't be prepared. It stops the lane; no record is dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// A record of a newer writer: readers are updated first.
    #[error(
        "record at offset {offset} was written with unknown schema {fingerprint:016x}: update this reader"
    )]
    UnknownSchema {
        /// Where.
        offset: Offset,
        /// Which.
        fingerprint: u64,
    },
    /// Something else that does not blame a record (a key place that is away, ...).
    #[error("range can't be prepared: {0}")]
    Failed(String),
}

/// How a write can fail. The words are the engine's own.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// Nobody knows what was written (error after sending, time-out, restart): the range is settled next.
    #[error("outcome unknown: {0}")]
    Ambiguous(String),
    /// Nothing was written; the lane stops with these words and writes again after a pause.
    #[error("refused: {0}")]
    Refused(String),
    /// All is durable save these records, which blame themselves (an item-level 400, a conflict of twins).
    #[error("{} records of the range were rejected", .0.len())]
    Rejected(Vec<Poison>),
}

/// The view could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("view can't be asked: {0}")]
pub struct ViewError(pub String);

/// How far a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Everything before is durable in the view.
    pub done: Offset,
    /// Append time of the last record that is done, Unix milliseconds, if this lane has seen one.
    pub appended_at_ms: Option<i64>,
    /// All that the log holds is done: the view is complete up to now, not only to `appended_at_ms`.
    pub at_end: bool,
}

/// Makes one view of the log.
#[async_trait]
pub trait Materializer: Send + Sync + 'static {
    /// What [`Self::prepare`] makes of a range.
    type Prepared: Send + Sync + 'static;

    /// Names the lane and, with the view generation, its consumer group: `hindsight.<name>.g<generation>`.
    fn name(&self) -> &'static str;

    /// The version of the conversion; part of each intent.
    fn version(&self) -> u32;

    /// Whether a range that `version` left pending is made exactly so by this code. If not, the lane leaves it.
    fn repeats(&self, version: u32) -> bool {
        version == self.version()
    }

    /// The generation of the view; part of each name and of the group.
    fn view_generation(&self) -> u32;

    /// What it reads.
    fn topics(&self) -> &'static [Topic];

    /// When ranges are cut.
    fn limits(&self) -> CutLimits {
        CutLimits::default()
    }

    /// How many ranges of one topic a process should write in a second: what makes small inserts costly is their
    /// number. Lanes with little to do take turns; those with much cut by bytes and records. `None`: no bound.
    fn ranges_per_second(&self) -> Option<u32> {
        None
    }

    /// Decodes and converts; pure, called on the blocking pool. Poison is returned, not thrown.
    fn prepare(
        &self,
        name: &RangeName,
        records: Vec<StoredRecord>,
    ) -> Result<Prepared<Self::Prepared>, PrepareError>;

    /// Writes the range under its name; durable when `Ok`.
    async fn write(&self, name: &RangeName, batch: &Self::Prepared) -> Result<(), WriteError>;

    /// Makes sure that a range is there of which nobody knows: after an ambiguous outcome, or pending when the
    /// partition was assigned, or where rows are without a commit. Reads back, writes what is absent; durable
    /// when `Ok`.
    async fn settle(&self, name: &RangeName, batch: &Self::Prepared) -> Result<(), WriteError>;

    /// Whether the view holds anything of this partition. Asked where the group has no commit: the lane then
    /// starts at the log's first record and settles every range; with rows it also raises an alarm.
    async fn has_rows(&self, partition: Partition) -> Result<bool, ViewError>;

    /// The partition is ours; called (and tried again) before anything of it is prepared.
    async fn on_assigned(&self, _partition: Partition) -> Result<(), ViewError> {
        Ok(())
    }

    /// Called after each write, and when the end of the partition is reached; must return at once.
    fn on_progress(&self, _partition: Partition, _progress: Progress) {}

    /// The partition is no longer ours; must return at once.
    fn on_revoked(&self, _partition: Partition) {}
}
