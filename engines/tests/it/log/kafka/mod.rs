//! The event log on Kafka: the suite that every log passes, run against real brokers, and what is its own.

mod bad_input;
mod broker;
mod fixture;
mod leaving;
mod outages;

/// The suite. Two cases have no meaning here, which `docs/engines.md` explains: `append_time_never_goes_back` (the
/// clock is the broker's) and `a_full_disk_refuses_appends_and_reads_go_on` (such a broker stops itself).
mod conformance {
    use super::fixture::KafkaFixture;

    hindsight_engines::log_conformance! { KafkaFixture::steady().await =>
        positions_say_where_records_lie,
        keys_go_where_kafka_sends_them,
        a_record_comes_back_as_it_was,
        the_record_limit_is_exact_to_the_byte,
        order_is_kept_per_key,
        a_partition_that_is_not_there_is_refused,
        nothing_is_read_before_a_seek,
        holes_are_passed,
        out_of_range_is_told_both_ways,
        the_end_of_a_partition_is_told_once,
        a_long_poll_wakes_on_an_append,
        a_waker_ends_a_poll,
        without_room_no_records_are_read,
        paused_partitions_are_not_read,
        a_place_is_read_without_joining,
        a_reader_goes_on_where_it_was,
        the_ends_of_partitions_are_told_together,
        retention_may_start_inside_a_pending_range,
        a_commit_is_offset_and_metadata,
        partitions_are_spread_over_members,
        the_next_owner_reads_the_last_commit,
        commits_of_partitions_not_owned_are_refused,
        groups_do_not_know_of_each_other,
    }

    hindsight_engines::log_conformance! { KafkaFixture::impatient().await =>
        members_are_counted_without_joining,
        stale_members_are_fenced,
    }

    hindsight_engines::log_conformance! { KafkaFixture::mortal().await =>
        offsets_are_never_used_twice,
        answered_appends_survive_a_crash,
        commits_survive_a_crash,
        the_log_id_outlives_a_crash,
    }
}

use std::time::{Duration, Instant};

use bytes::Bytes;
use hindsight_engines::log::{Consumer, ConsumerError, EventLog, NewRecord, Polled, Route};
use hindsight_schemas::ids::{Partition, Topic};

const AUDIT: Partition = Partition {
    topic: Topic::Audit,
    partition: 0,
};
const PATIENCE: Duration = Duration::from_secs(60);

fn record(value: &str) -> NewRecord {
    NewRecord {
        topic: Topic::Audit,
        to: Route::Partition(AUDIT.partition),
        key: Bytes::from_static(b"key"),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: Vec::new(),
    }
}

/// A member that owns all partitions of the audit topic and stands at the beginning of the first.
fn reader(log: &dyn EventLog, group: &str) -> Box<dyn Consumer> {
    let mut consumer = log.consumer(group, &[Topic::Audit]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut owned = 0;
    while owned < log.partitions(Topic::Audit) as usize {
        assert!(Instant::now() < deadline, "no partitions were assigned");
        for item in consumer.poll(Duration::from_millis(200)).unwrap() {
            if let Polled::Assigned(partitions) = item {
                owned += partitions.len();
            }
        }
    }
    consumer.seek(AUDIT, 0).unwrap();
    consumer
}

/// What is polled until an item of this kind comes, that one last.
fn poll_until(
    consumer: &mut dyn Consumer,
    wanted: impl Fn(&Polled) -> bool,
) -> Result<Vec<Polled>, ConsumerError> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while !seen.last().is_some_and(&wanted) {
        assert!(Instant::now() < deadline, "not polled; only {seen:?}");
        seen.extend(consumer.poll(Duration::from_millis(200))?);
    }
    Ok(seen)
}

fn texts(polled: &[Polled]) -> Vec<String> {
    let text = |item: &Polled| match item {
        Polled::Record(record) => Some(String::from_utf8_lossy(record.value.as_deref()?).into_owned()),
        _ => None,
    };
    polled.iter().filter_map(text).collect()
}
