//! The log's metrics, by the `metrics` crate.

use std::time::Duration;

use super::batch::Batch;

/// A group commit became durable.
pub(super) fn committed(batch: &Batch) {
    metrics::counter!("hindsight_log_append_bytes_total").increment(batch.row_bytes);
    metrics::counter!("hindsight_log_append_records_total").increment(batch.records.len() as u64);
    metrics::histogram!("hindsight_log_commit_records").record(batch.records.len() as f64);
}

/// A transaction was written and synced in this time.
pub(super) fn synced(took: Duration) {
    metrics::histogram!("hindsight_log_fsync_seconds").record(took.as_secs_f64());
}

/// A commit failed.
pub(super) fn failed() {
    metrics::counter!("hindsight_log_append_failures_total").increment(1);
}

/// Retention removed records.
pub(super) fn removed(records: u64) {
    metrics::counter!("hindsight_log_removed_records_total").increment(records);
}

/// What the log holds now.
pub(super) fn holds(bytes: u64) {
    metrics::gauge!("hindsight_log_bytes").set(bytes as f64);
}
