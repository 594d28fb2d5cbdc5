//! The log's metrics, by the `metrics` crate: the same names as the embedded log's where they mean the same, and
//! librdkafka's statistics under `hindsight_kafka_*`.

use std::time::Duration;

use rdkafka::Statistics;

/// An append was acknowledged.
pub(super) fn appended(records: usize, bytes: usize, took: Duration) {
    metrics::counter!("hindsight_log_append_bytes_total").increment(bytes as u64);
    metrics::counter!("hindsight_log_append_records_total").increment(records as u64);
    metrics::histogram!("hindsight_log_append_seconds").record(took.as_secs_f64());
}

/// An append was not acknowledged.
pub(super) fn failed() {
    metrics::counter!("hindsight_log_append_failures_total").increment(1);
}

/// The topics are no longer those of the start.
pub(super) fn identity_lost() {
    metrics::counter!("hindsight_log_identity_changes_total").increment(1);
}

/// What a client counts about itself, once an interval.
pub(super) fn statistics(client: &str, of: &Statistics) {
    let labels = [("client", client.to_owned())];
    let gauge = |name: &'static str, value: f64| metrics::gauge!(name, &labels).set(value);
    let up = of.brokers.values().filter(|broker| broker.state == "UP").count();
    gauge("hindsight_kafka_brokers_up", up as f64);
    gauge("hindsight_kafka_queue_records", of.msg_cnt as f64);
    gauge("hindsight_kafka_queue_bytes", of.msg_size as f64);
    metrics::counter!("hindsight_kafka_sent_bytes_total", &labels).absolute(of.tx_bytes.cast_unsigned());
    metrics::counter!("hindsight_kafka_received_bytes_total", &labels).absolute(of.rx_bytes.cast_unsigned());
    let slowest = of.brokers.values().filter_map(|broker| broker.rtt.as_ref());
    if let Some(p99) = slowest.map(|window| window.p99).max() {
        gauge("hindsight_kafka_request_p99_seconds", p99 as f64 / 1e6);
    }
    let failed = of.brokers.values().map(|broker| broker.txerrs + broker.rxerrs);
    metrics::counter!("hindsight_kafka_request_errors_total", &labels).absolute(failed.sum());
    if let Some(group) = &of.cgrp {
        gauge(
            "hindsight_kafka_assigned_partitions",
            f64::from(group.assignment_size),
        );
        let rebalances = group.rebalance_cnt.cast_unsigned();
        metrics::counter!("hindsight_kafka_rebalances_total", &labels).absolute(rebalances);
    }
    let partitions = of.topics.values().flat_map(|topic| topic.partitions.values());
    // All of them tell the one queue to which they forward.
    let fetched = partitions.map(|partition| partition.fetchq_size).max();
    gauge(
        "hindsight_kafka_fetched_bytes",
        fetched.unwrap_or_default() as f64,
    );
}
