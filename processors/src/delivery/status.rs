//! What can be seen of the lanes from outside: readiness, the status page, metrics.
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
        for lane in &lanes {
            gauge(lane);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lanes;
    }
}

fn gauge(lane: &LaneStatus) {
    let labels = [
        ("materializer", lane.materializer.to_owned()),
        ("partition", lane.partition.to_string()),
    ];
    metrics::gauge!("hindsight_lane_lag_records", &labels).set(lane.lag() as f64);
    metrics::gauge!("hindsight_lane_age_seconds", &labels).set(lane.age.as_secs_f64());
    metrics::gauge!("hindsight_lane_held_bytes", &labels).set(lane.held_bytes as f64);
    let stopped = lane.state == LaneState::Stopped;
    metrics::gauge!("hindsight_lane_stopped", &labels).set(f64::from(u8::from(stopped)));
}
