//! The lanes' metrics, by the `metrics` crate; `docs/metrics.md` says what each means.
//!
//! **Invariant:** what may be counted one day is there with 0 from the start, or its first occurrence would be no
//! increase to whoever watches. A lane that is no longer ours shows 0, so the greatest over all processes is true.

use std::time::Duration;

use hindsight_schemas::ids::{Offset, Partition, Topic};
use hindsight_schemas::reason::Reason;

use super::lane::{Alarm, LaneState, Stages};
use super::materializer::WriteError;
use super::status::LaneStatus;

/// What the runtime itself may name in a dead letter; other reasons appear with their first.
const POISON: [Reason; 3] = [Reason::PoisonAvro, Reason::PoisonBody, Reason::Conflict];
const WRITE_OUTCOMES: [&str; 3] = ["ambiguous", "refused", "rejected"];

/// Shows all counters of a materializer.
pub(super) fn declare(name: &'static str, topics: &[Topic]) {
    for alarm in Alarm::NAMES {
        metrics::counter!("hindsight_lane_alarms_total", "materializer" => name, "alarm" => alarm)
            .increment(0);
    }
    for outcome in WRITE_OUTCOMES {
        write_failures(name, outcome).increment(0);
    }
    for topic in topics {
        metrics::counter!("hindsight_lane_records_total", "materializer" => name, "topic" => topic.as_str())
            .increment(0);
        POISON
            .iter()
            .for_each(|reason| dead_letters(name, *topic, *reason).increment(0));
    }
    expired(name, 0);
    recovered(name, 0);
}

/// A range is durable in its view.
pub(super) struct Finished {
    pub(super) records: usize,
    pub(super) bytes: usize,
    pub(super) stages: Stages,
    /// It had been left pending by whoever had the partition before.
    pub(super) recovered: bool,
}

/// Counts a range.
pub(super) fn finished(name: &'static str, topic: Topic, range: &Finished) {
    metrics::counter!("hindsight_lane_ranges_total", "materializer" => name).increment(1);
    metrics::counter!("hindsight_lane_records_total", "materializer" => name, "topic" => topic.as_str())
        .increment(range.records as u64);
    metrics::counter!("hindsight_lane_bytes_total", "materializer" => name).increment(range.bytes as u64);
    metrics::histogram!("hindsight_lane_seconds", "materializer" => name).record(range.stages.whole());
    for (stage, took) in range.stages.named() {
        let labels = [("materializer", name), ("stage", stage)];
        metrics::histogram!("hindsight_lane_stage_seconds", &labels).record(took);
    }
    recovered(name, u64::from(range.recovered));
}

/// Counts an alarm, and what it says is gone.
pub(super) fn alarmed(name: &'static str, alarm: &Alarm) {
    metrics::counter!("hindsight_lane_alarms_total", "materializer" => name, "alarm" => alarm.as_str())
        .increment(1);
    if let Alarm::Expired { from, to } = alarm {
        expired(name, to - from);
    }
}

/// Counts letters that are settled.
pub(super) fn lettered(name: &'static str, topic: Topic, letters: &[(Offset, Reason)]) {
    for (_, reason) in letters {
        dead_letters(name, topic, *reason).increment(1);
    }
}

/// Measures an attempt to write or settle a range.
pub(super) fn wrote(name: &'static str, took: Duration, result: &Result<(), WriteError>) {
    metrics::histogram!("hindsight_lane_write_seconds", "materializer" => name).record(took);
    let outcome = match result {
        Ok(()) => return,
        Err(WriteError::Ambiguous(_)) => "ambiguous",
        Err(WriteError::Refused(_)) => "refused",
        Err(WriteError::Rejected(_)) => "rejected",
    };
    write_failures(name, outcome).increment(1);
}

/// Records that are left out on purpose.
pub(crate) fn dropped_as_erased(name: &'static str) {
    metrics::counter!("hindsight_lane_dropped_total", "materializer" => name, "reason" => Reason::Erased.as_str())
        .increment(1);
}

/// Shows the lanes of a materializer.
pub(super) fn lanes(name: &'static str, lanes: &[LaneStatus]) {
    lanes.iter().for_each(lane);
    let pending = lanes.iter().filter(|lane| lane.pending).count();
    metrics::gauge!("hindsight_pending_ranges", "materializer" => name).set(pending as f64);
}

fn lane(lane: &LaneStatus) {
    let stopped = lane.state == LaneState::Stopped;
    show(
        lane.materializer,
        lane.partition,
        [
            lane.done as f64,
            lane.lag() as f64,
            lane.age.as_secs_f64(),
            lane.held_bytes as f64,
            f64::from(u8::from(stopped)),
        ],
    );
}

/// The lane is another process's now, or nobody's.
pub(super) fn gone(name: &'static str, partition: Partition) {
    show(name, partition, [0.0; 5]);
}

fn show(name: &'static str, partition: Partition, [position, lag, age, held, stopped]: [f64; 5]) {
    let labels = [
        ("materializer", name.to_owned()),
        ("topic", partition.topic.as_str().to_owned()),
        ("partition", partition.partition.to_string()),
    ];
    metrics::gauge!("hindsight_lane_position", &labels).set(position);
    metrics::gauge!("hindsight_lane_lag_records", &labels).set(lag);
    metrics::gauge!("hindsight_lane_age_seconds", &labels).set(age);
    metrics::gauge!("hindsight_lane_held_bytes", &labels).set(held);
    metrics::gauge!("hindsight_lane_stopped", &labels).set(stopped);
}

fn recovered(name: &'static str, ranges: u64) {
    metrics::counter!("hindsight_recovered_ranges_total", "materializer" => name).increment(ranges);
}

fn expired(name: &'static str, records: u64) {
    metrics::counter!("hindsight_lane_expired_records_total", "materializer" => name).increment(records);
}

fn dead_letters(name: &'static str, topic: Topic, reason: Reason) -> metrics::Counter {
    let labels = [
        ("materializer", name),
        ("topic", topic.as_str()),
        ("reason", reason.as_str()),
    ];
    metrics::counter!("hindsight_lane_dead_letters_total", &labels)
}

fn write_failures(name: &'static str, outcome: &'static str) -> metrics::Counter {
    metrics::counter!("hindsight_lane_write_failures_total", "materializer" => name, "outcome" => outcome)
}
