//! What every event log must do, written once against the trait; each implementation runs all of it.
//!
//! A case is a function that gets a fresh log behind a [`Fixture`] and panics with what differed. What needs more
//! than the trait (a crash, a hole, a disk that fails, time that passes) the fixture does. Nothing here sleeps:
//! what takes time is polled for until [`PATIENCE`] is over.
//!
//! [`log_conformance!`](crate::log_conformance) makes a test of each case.

mod appends;
mod faults;
mod groups;
mod reading;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use hindsight_schemas::ids::{Offset, Partition, Topic};

use super::{Consumer, EventLog, NewRecord, Polled, Route, StoredRecord};

pub use appends::*;
pub use faults::*;
pub use groups::*;
pub use reading::*;

/// How long a case waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);
/// One wait within it.
const POLL: Duration = Duration::from_millis(200);

/// A fresh log, and what tests do to it from outside.
#[async_trait]
pub trait Fixture: Send {
    /// The log as it runs now; ask again after [`Fixture::crash`].
    fn log(&self) -> Arc<dyn EventLog>;

    /// Its limit on values.
    fn record_bytes(&self) -> usize;

    /// Kills the log, as `kill -9` would, and starts it again over what that left.
    async fn crash(&mut self);

    /// Leaves this many offsets unused at the end of a partition.
    async fn leave_hole(&mut self, partition: Partition, offsets: u64);

    /// Lets retention remove every record that is there.
    async fn expire_all(&mut self);

    /// Lets the session time-out pass for members that don't poll.
    async fn pass_session_timeout(&mut self);

    /// Sets the wall clock back by this much.
    async fn set_clock_back(&mut self, by: Duration);

    /// Makes every write to the disk fail for want of space, or lets writes through again.
    async fn fill_disk(&mut self, full: bool);
}

/// Makes a test of each case: `log_conformance!(fixture_expression)`; the expression makes a fresh [`Fixture`].
#[macro_export]
macro_rules! log_conformance {
    ($fixture:expr) => {
        $crate::log_conformance! { $fixture =>
            positions_say_where_records_lie,
            keys_go_where_kafka_sends_them,
            a_record_comes_back_as_it_was,
            the_record_limit_is_exact_to_the_byte,
            order_is_kept_per_key,
            append_time_never_goes_back,
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
            offsets_are_never_used_twice,
            a_commit_is_offset_and_metadata,
            partitions_are_spread_over_members,
            members_are_counted_without_joining,
            the_next_owner_reads_the_last_commit,
            stale_members_are_fenced,
            commits_of_partitions_not_owned_are_refused,
            groups_do_not_know_of_each_other,
            answered_appends_survive_a_crash,
            commits_survive_a_crash,
            the_log_id_outlives_a_crash,
            a_full_disk_refuses_appends_and_reads_go_on,
        }
    };
    ($fixture:expr => $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::log::conformance::$case(&mut $fixture).await;
            }
        )+
    };
}

/// The partition that most cases use.
fn audit(partition: u32) -> Partition {
    Partition {
        topic: Topic::Audit,
        partition,
    }
}

/// A record for that partition.
fn record(partition: Partition, value: &str) -> NewRecord {
    NewRecord {
        topic: partition.topic,
        to: Route::Partition(partition.partition),
        key: Bytes::from_static(b"key"),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: Vec::new(),
    }
}

/// Appends these values and gives their offsets.
async fn append(log: &dyn EventLog, partition: Partition, values: &[&str]) -> Vec<Offset> {
    let records = values.iter().map(|value| record(partition, value)).collect();
    let positions = log.append(records).await.expect("the append is answered");
    positions.into_iter().map(|position| position.offset).collect()
}

/// The values of records.
fn texts(records: &[StoredRecord]) -> Vec<String> {
    let text =
        |record: &StoredRecord| String::from_utf8_lossy(record.value.as_deref().unwrap_or(b"-")).into_owned();
    records.iter().map(text).collect()
}

/// A consumer on the audit topic, with all its partitions.
fn consumer_of_all(log: &dyn EventLog, group: &str) -> Box<dyn Consumer> {
    let mut consumer = log.consumer(group, &[Topic::Audit]).expect("a consumer joins");
    let partitions = log.partitions(Topic::Audit) as usize;
    let mut assigned = 0;
    until("all partitions are assigned", || {
        assigned += assigned_in(&poll(&mut *consumer)).len();
        assigned == partitions
    });
    consumer
}

fn poll(consumer: &mut dyn Consumer) -> Vec<Polled> {
    consumer.poll(POLL).expect("a poll works")
}

fn assigned_in(polled: &[Polled]) -> Vec<Partition> {
    let assigned = polled.iter().filter_map(|item| match item {
        Polled::Assigned(partitions) => Some(partitions.clone()),
        _ => None,
    });
    assigned.flatten().collect()
}

fn revoked_in(polled: &[Polled]) -> Vec<Partition> {
    let revoked = polled.iter().filter_map(|item| match item {
        Polled::Revoked(partitions) => Some(partitions.clone()),
        _ => None,
    });
    revoked.flatten().collect()
}

fn records_in(polled: Vec<Polled>) -> Vec<StoredRecord> {
    let records = polled.into_iter().filter_map(|item| match item {
        Polled::Record(record) => Some(record),
        _ => None,
    });
    records.collect()
}

/// Repeats until it is true.
fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "still not: {what}");
    }
}

/// What lies in a partition from an offset on, and where it ends.
fn read_to_end(
    consumer: &mut dyn Consumer,
    partition: Partition,
    from: Offset,
) -> (Vec<StoredRecord>, Offset) {
    consumer
        .seek(partition, from)
        .expect("an owned partition can be sought");
    let (mut records, mut end) = (Vec::new(), None);
    until("the end of the partition is read", || {
        for item in poll(consumer) {
            match item {
                Polled::Record(record) if record.position.partition == partition => records.push(record),
                Polled::EndOfPartition(at, offset) if at == partition => end = Some(offset),
                Polled::OutOfRange { asked, available, .. } => panic!("{asked} is not in {available:?}"),
                _ => {}
            }
        }
        end.is_some()
    });
    (records, end.expect("checked above"))
}
