//! Every metric that a process can show: the one list that `docs/metrics.md` is generated from.
//!
//! **Invariant:** what the code counts is here and what is here is counted; the tests below compare the list with the
//! sources, the document, the alerting rules and the dashboard. Renaming one breaks other people's dashboards.

use Kind::{Counter, Gauge, Histogram};
use There::{Always, At, Event};

/// How Prometheus takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows; a restart begins at 0.
    Counter,
    /// The present value.
    Gauge,
    /// Samples in buckets, with `_sum` and `_count`.
    Histogram,
}

/// From when on it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    /// In every process that does such work, at the latest with its first.
    Always,
    /// With this engine or size alone.
    At(&'static str),
    /// With its first occurrence, as its labels aren't known before.
    Event,
}

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    #[cfg_attr(not(test), expect(dead_code, reason = "the document alone says it"))]
    pub(super) there: There,
    pub(super) means: &'static str,
}

/// A part of the system and its metrics.
pub(super) struct Group {
    #[cfg_attr(not(test), expect(dead_code, reason = "the document alone says it"))]
    title: &'static str,
    metrics: &'static [Metric],
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Metric> {
    GROUPS.iter().flat_map(|group| group.metrics)
}

macro_rules! catalogue {
    ($($title:literal { $($name:ident $kind:ident [$($label:literal),*] $there:expr, $means:literal;)* })*) => {
        const GROUPS: &[Group] = &[$(Group {
            title: $title,
            metrics: &[$(Metric {
                name: stringify!($name),
                kind: $kind,
                labels: &[$($label),*],
                there: $there,
                means: $means,
            }),*],
        }),*];
    };
}

catalogue! {
    "Taking in" {
        hindsight_edge_requests_total Counter ["route", "status"] Always,
            "Answers to those who write, by HTTP status";
        hindsight_edge_request_seconds Histogram ["route"] Always,
            "From a writer's request to its answer";
        hindsight_edge_records_total Counter ["topic", "outcome"] Always,
            "Records handed to the log: kept (answered 202) or unconfirmed (answered 503; all, part or nothing may be kept)";
        hindsight_edge_append_seconds Histogram [] Always,
            "How long a request waited for the log to hold its records";
        hindsight_edge_append_failures_total Counter [] Always,
            "Requests whose records the log refused or did not confirm in time";
        hindsight_edge_batches_total Counter ["project"] Always,
            "Batches of recordings kept; one that is sent again counts again";
        hindsight_edge_events_total Counter ["project", "kind"] Always,
            "Events kept, of recordings (kind=recording) or audit";
        hindsight_edge_raw_bytes_total Counter ["project"] Always,
            "Bytes of recordings kept, inflated";
        hindsight_edge_audit_outcomes_total Counter ["project", "outcome"] Always,
            "Operations that audit events told of, by how they ended: success or failure";
        hindsight_edge_levels_lowered_total Counter ["level"] Event,
            "Answers that told a recorder to send less, by the level named";
        hindsight_edge_posthog_dropped_total Counter [] Event,
            "Calls with posthog-js' analytics, which are answered and not kept";
        hindsight_refused_total Counter ["reason"] Event,
            "Requests and events of writers that were not kept (docs/refusals.md)";
        hindsight_connections_open Gauge [] Always,
            "Connections of this process's listeners";
        hindsight_connections_ended_total Counter ["reason"] Event,
            "Connections ended by us: idle, or stalled (its reader took nothing)";
    }
    "The log" {
        hindsight_log_append_records_total Counter [] Always,
            "Records made durable, dead letters too";
        hindsight_log_append_bytes_total Counter [] Always,
            "Bytes made durable";
        hindsight_log_append_failures_total Counter [] Always,
            "Appends that failed";
        hindsight_log_append_seconds Histogram [] At("Kafka"),
            "From a request's records to the acknowledgement of all in-sync copies";
        hindsight_log_commit_records Histogram [] At("embedded"),
            "Records that shared one fsync";
        hindsight_log_fsync_seconds Histogram [] At("embedded"),
            "One transaction, written and synced";
        hindsight_log_removed_records_total Counter [] Always,
            "Records that retention removed";
        hindsight_log_bytes Gauge [] At("embedded"),
            "What the log holds on disk";
        hindsight_log_identity_changes_total Counter [] Always,
            "Topics found to have been made anew under a running process, which stops";
        hindsight_kafka_brokers_up Gauge ["client"] At("Kafka"),
            "Brokers that a client is connected to";
        hindsight_kafka_queue_records Gauge ["client"] At("Kafka"),
            "Records that wait in the producer";
        hindsight_kafka_queue_bytes Gauge ["client"] At("Kafka"),
            "Their bytes";
        hindsight_kafka_fetched_bytes Gauge ["client"] At("Kafka"),
            "Bytes fetched ahead by a consumer";
        hindsight_kafka_sent_bytes_total Counter ["client"] At("Kafka"),
            "Bytes sent to brokers";
        hindsight_kafka_received_bytes_total Counter ["client"] At("Kafka"),
            "Bytes received from brokers";
        hindsight_kafka_request_p99_seconds Gauge ["client"] At("Kafka"),
            "The slowest broker's round trip, 99th percentile of the last interval";
        hindsight_kafka_request_errors_total Counter ["client"] At("Kafka"),
            "Requests to brokers that failed";
        hindsight_kafka_assigned_partitions Gauge ["client"] At("Kafka"),
            "Partitions of a group that this member has";
        hindsight_kafka_rebalances_total Counter ["client"] At("Kafka"),
            "Rebalances of a group that this member saw";
    }
    "Lanes" {
        hindsight_lane_position Gauge ["materializer", "topic", "partition"] Always,
            "Offset before which everything is durable in the view";
        hindsight_lane_lag_records Gauge ["materializer", "topic", "partition"] Always,
            "Offsets between the position and the log's end";
        hindsight_lane_age_seconds Gauge ["materializer", "topic", "partition"] Always,
            "How long the oldest record that was read and isn't done has waited";
        hindsight_lane_held_bytes Gauge ["materializer", "topic", "partition"] Always,
            "Records and what they became, in memory";
        hindsight_lane_stopped Gauge ["materializer", "topic", "partition"] Always,
            "1 while the lane stands with an error (said by /health/ready)";
        hindsight_pending_ranges Gauge ["materializer"] Always,
            "Lanes whose commit names a range that isn't known to be done";
        hindsight_recovered_ranges_total Counter ["materializer"] Always,
            "Ranges left pending by a crash or a move, found and settled";
        hindsight_lane_ranges_total Counter ["materializer"] Always,
            "Ranges made durable";
        hindsight_lane_records_total Counter ["materializer", "topic"] Always,
            "Records made durable in the view, those in dead letters too";
        hindsight_lane_bytes_total Counter ["materializer"] Always,
            "Their bytes";
        hindsight_lane_seconds Histogram ["materializer"] Always,
            "From the arrival of a range's first record at the lane to its durability";
        hindsight_lane_stage_seconds Histogram ["materializer", "stage"] Always,
            "Where that time went: wait (for the cut), prepare, intent (and the range ahead), write";
        hindsight_lane_write_seconds Histogram ["materializer"] Always,
            "One attempt to write or settle a range";
        hindsight_lane_write_failures_total Counter ["materializer", "outcome"] Always,
            "Attempts that failed: refused (nothing written), ambiguous (settled next), rejected (some records blame themselves)";
        hindsight_lane_dead_letters_total Counter ["materializer", "topic", "reason"] Always,
            "Records put into dead letters, each counted once";
        hindsight_lane_dropped_total Counter ["materializer", "reason"] Event,
            "Batches left out on purpose: their session was erased";
        hindsight_lane_alarms_total Counter ["materializer", "alarm"] Always,
            "What must not go by silently: expired, rows_without_commit, commit_by_hand";
        hindsight_lane_expired_records_total Counter ["materializer"] Always,
            "Records that retention took before this view had them";
    }
    "Views and sessions" {
        hindsight_view_age_seconds Gauge ["group"] Always,
            "How long ago the view was last known to be complete, asked of the log, and of search after a refresh: true also where no lane runs";
        hindsight_open_sessions Gauge [] Always,
            "Sessions of this process's partitions that aren't closed";
        hindsight_sessions_closed_total Counter [] Always,
            "Session generations made";
        hindsight_sessions_closed_damaged_total Counter [] Always,
            "Sessions closed with frames that can't be read";
        hindsight_session_close_failures_total Counter [] Always,
            "Closes that failed and are tried again";
        hindsight_objects_removed_total Counter ["kind", "why"] Event,
            "Objects removed (docs/retention.md)";
        hindsight_documents_expired_total Counter [] Always,
            "Search documents past their retention that were removed";
        hindsight_removal_held_back_total Counter [] Always,
            "Objects kept because what replaces them did not meet its checksums";
        hindsight_removal_failures_total Counter [] Always,
            "Removals that failed and are tried again";
        hindsight_erased_rows_found_total Counter [] Always,
            "Rows of erased sessions that a late writer had put back, removed again";
        hindsight_scrub_records_total Counter ["view", "outcome"] Always,
            "Records of the log that were looked for in a view, by how they stand there: found, twin, erased, expired, refused (a dead letter), missing, twice, different, unreadable, or unknown (the view did not answer)";
        hindsight_scrub_interval_seconds Gauge [] Always,
            "How often this process takes samples (scrub.interval_seconds); 0: never";
        hindsight_scrub_seconds Histogram [] Event,
            "One look at a sample in all views";
        hindsight_scrub_completed_timestamp_seconds Gauge [] Event,
            "When the last sample was looked for and every view answered, Unix seconds";
        hindsight_search_commit_seconds Histogram [] Always,
            "One write of a range to the search engine, durable";
        hindsight_search_retries_total Counter [] Always,
            "Requests to Elasticsearch that were sent again";
        hindsight_clickhouse_child_restarts_total Counter [] Always,
            "Restarts of the embedded ClickHouse";
    }
    "Reading" {
        hindsight_api_requests_total Counter ["route", "status"] Always,
            "Answers to those who read, by HTTP status";
        hindsight_api_request_seconds Histogram ["route"] Always,
            "From a reader's request to the head of its answer: for a query, its duration";
        hindsight_api_refused_total Counter ["reason"] Event,
            "Calls of readers that were refused (docs/refusals.md)";
    }
    "The process" {
        hindsight_part_ready Gauge ["part"] Always,
            "1 while a part serves, as /health/ready says";
        hindsight_storage_free_bytes Gauge ["place"] Always,
            "Free on a disk that is written to: of the data folder (place=data), and what ClickHouse says of each of its own (place=clickhouse ...)";
        hindsight_storage_total_bytes Gauge ["place"] Always,
            "Size of that disk";
        hindsight_build_info Gauge ["version"] Always,
            "1, with the version that runs";
    }
}

#[cfg(test)]
mod tests;
