//! What can be seen of the lanes from outside: readiness, the status page, metrics ([`super::meters`]).
//!
//! **Invariant:** a snapshot, made by the polling thread about once a second and after each change of state;
//! nobody waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hindsight_schemas::ids::{Offset, Partition};

use super::lane::LaneState;

/// One lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStatus {
    /// Which materializer.
    pub materializer: &'static str,
    /// On which partition.
    pub partition: Partition,
    /// What it does.
    pub state: LaneState,
    /// Everything before is durable in the view.
    pub done: Offset,
    /// The offset after the log's last record, as last asked.
    pub log_end: Offset,
    /// How long the oldest record that was read and isn't done has waited.
    pub age: Duration,
    /// Bytes of records that it holds.
    pub held_bytes: usize,
    /// Whether the group's commit names a range that isn't known to be done.
    pub pending: bool,
    /// Why it stands, in the engine's own words.
    pub error: Option<String>,
}

impl LaneStatus {
    /// Offsets between what is done and the log's end.
    pub fn lag(&self) -> u64 {
        self.log_end.saturating_sub(self.done)
    }
}

/// The latest snapshot.
#[derive(Debug, Clone, Default)]
pub(super) struct StatusBoard(Arc<Mutex<Vec<LaneStatus>>>);

impl StatusBoard {
    pub(super) fn read(&self) -> Vec<LaneStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn publish(&self, lanes: Vec<LaneStatus>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lanes;
    }
}
