//! What polling brings.

use std::time::{Duration, Instant};

use hindsight_schemas::ids::Topic;

use super::{
    Fixture, PATIENCE, POLL, append, assigned_in, audit, consumer_of_all, poll, read_to_end, records_in,
    revoked_in, texts, until,
};
use crate::log::{Commit, Committed, Polled, ReadBounds};

/// Without a position there is nothing to read.
pub async fn nothing_is_read_before_a_seek(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    append(&*log, audit(0), &["a"]).await;
    let mut consumer = consumer_of_all(&*log, "no-seek");
    assert!(poll(&mut *consumer).is_empty());
    assert_eq!(texts(&read_to_end(&mut *consumer, audit(0), 0).0), ["a"]);
}

/// In the middle and at the end; a position inside a hole is in the log.
pub async fn holes_are_passed(fixture: &mut dyn Fixture) {
    let before = append(&*fixture.log(), audit(0), &["a"]).await;
    fixture.leave_hole(audit(0), 5).await;
    let after = append(&*fixture.log(), audit(0), &["b"]).await;
    assert!(after[0] >= before[0] + 6, "{before:?} {after:?}");
    fixture.leave_hole(audit(0), 3).await;
    let mut consumer = consumer_of_all(&*fixture.log(), "holes");
    let (records, end) = read_to_end(&mut *consumer, audit(0), 0);
    assert_eq!(texts(&records), ["a", "b"]);
    assert!(end >= after[0] + 4, "the end {end} lies behind the last hole");
    let (records, _) = read_to_end(&mut *consumer, audit(0), before[0] + 2);
    assert_eq!(texts(&records), ["b"]);
}

/// Below what is kept and above what was appended; once each, until the next seek.
pub async fn out_of_range_is_told_both_ways(fixture: &mut dyn Fixture) {
    append(&*fixture.log(), audit(0), &["a", "b"]).await;
    fixture.expire_all().await;
    append(&*fixture.log(), audit(0), &["c"]).await;
    let log = fixture.log();
    let mut consumer = consumer_of_all(&*log, "range");
    let kept = log.offsets(audit(0)).await.expect("offsets are known");
    for asked in [0, kept.1 + 1] {
        consumer
            .seek(audit(0), asked)
            .expect("an owned partition can be sought");
        let mut told = Vec::new();
        until("out of range is told", || {
            told = poll(&mut *consumer);
            !told.is_empty()
        });
        let [
            Polled::OutOfRange {
                partition,
                asked: of,
                available,
            },
        ] = told[..]
        else {
            panic!("{told:?}");
        };
        assert_eq!((partition, of, available), (audit(0), asked, kept));
        assert!(poll(&mut *consumer).is_empty(), "it is told once");
    }
    assert_eq!(texts(&read_to_end(&mut *consumer, audit(0), kept.0).0), ["c"]);
}

/// And again when there was something new.
pub async fn the_end_of_a_partition_is_told_once(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut consumer = consumer_of_all(&*log, "end");
    assert_eq!(read_to_end(&mut *consumer, audit(0), 0).1, 0);
    assert!(poll(&mut *consumer).is_empty(), "it is told once");
    append(&*log, audit(0), &["a"]).await;
    let mut seen = Vec::new();
    until("the record and the end are polled", || {
        seen.extend(poll(&mut *consumer));
        seen.len() >= 2
    });
    assert!(
        matches!(&seen[..], [Polled::Record(_), Polled::EndOfPartition(_, 1)]),
        "{seen:?}"
    );
}

/// Long before its time-out.
pub async fn a_long_poll_wakes_on_an_append(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut consumer = consumer_of_all(&*log, "wake");
    read_to_end(&mut *consumer, audit(0), 0);
    let polling = std::thread::spawn(move || (consumer.poll(2 * PATIENCE), Instant::now()));
    let started = Instant::now();
    append(&*log, audit(0), &["news"]).await;
    let (polled, ended) = polling.join().expect("the poll does not panic");
    assert_eq!(texts(&records_in(polled.expect("a poll works"))), ["news"]);
    assert!(ended.duration_since(started) < PATIENCE);
}

/// A wake before the poll lets it return at once, one during it ends it.
pub async fn a_waker_ends_a_poll(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut consumer = consumer_of_all(&*log, "waker");
    let waker = consumer.waker();
    let started = Instant::now();
    waker.wake();
    assert!(consumer.poll(2 * PATIENCE).expect("a poll works").is_empty());
    let polling = std::thread::spawn(move || consumer.poll(2 * PATIENCE).expect("a poll works").len());
    waker.wake();
    assert_eq!(polling.join().expect("the poll does not panic"), 0);
    assert!(started.elapsed() < PATIENCE);
}

/// What was fetched waits for room, and nothing is lost; the group is served meanwhile.
pub async fn without_room_no_records_are_read(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut consumer = consumer_of_all(&*log, "room");
    read_to_end(&mut *consumer, audit(0), 0);
    append(&*log, audit(0), &["first", "second", "third"]).await;
    for _ in 0..3 {
        let polled = consumer.poll_within(POLL, 0).expect("a poll works");
        assert!(polled.is_empty(), "{polled:?}");
    }
    let mut seen = Vec::new();
    until("one record a poll is read", || {
        let polled = records_in(consumer.poll_within(POLL, 1).expect("a poll works"));
        assert!(polled.len() <= 1, "{polled:?}");
        seen.extend(polled);
        seen.len() == 3
    });
    assert_eq!(texts(&seen), ["first", "second", "third"]);
    let other = std::thread::spawn({
        let mut other = log.consumer("room", &[Topic::Audit]).expect("a second one joins");
        move || {
            until("it gets a partition", || {
                !assigned_in(&poll(&mut *other)).is_empty()
            });
        }
    });
    let mut revoked = Vec::new();
    until("one is taken from the first", || {
        revoked.extend(revoked_in(&consumer.poll_within(POLL, 0).expect("a poll works")));
        other.is_finished()
    });
    assert!(!revoked.is_empty());
    other.join().expect("it does not panic");
}

/// Others are read meanwhile, and nothing is lost.
pub async fn paused_partitions_are_not_read(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut consumer = consumer_of_all(&*log, "pause");
    for partition in [audit(0), audit(1)] {
        read_to_end(&mut *consumer, partition, 0);
    }
    consumer
        .pause(&[audit(0)])
        .expect("an owned partition can be paused");
    append(&*log, audit(0), &["held"]).await;
    append(&*log, audit(1), &["passes"]).await;
    let mut seen = Vec::new();
    until("the other partition is read", || {
        seen.extend(records_in(poll(&mut *consumer)));
        !seen.is_empty()
    });
    seen.extend(records_in(poll(&mut *consumer)));
    assert_eq!(texts(&seen), ["passes"]);
    consumer
        .resume(&[audit(0)])
        .expect("an owned partition can be resumed");
    let mut seen = Vec::new();
    until("the held record is read", || {
        seen.extend(records_in(poll(&mut *consumer)));
        !seen.is_empty()
    });
    assert_eq!(texts(&seen), ["held"]);
}

/// The commit stays, reading from it is out of range, and what is left can be read.
pub async fn retention_may_start_inside_a_pending_range(fixture: &mut dyn Fixture) {
    let offsets = append(&*fixture.log(), audit(0), &["a", "b", "c"]).await;
    let pending = Committed {
        offset: offsets[1],
        metadata: "pending 1..3".into(),
    };
    let mut consumer = consumer_of_all(&*fixture.log(), "pending");
    let commit = Commit {
        partition: audit(0),
        committed: pending.clone(),
    };
    consumer.commit(&[commit]).expect("the commit is answered");
    fixture.expire_all().await;
    append(&*fixture.log(), audit(0), &["d"]).await;
    let committed = consumer.committed(&[audit(0)]).expect("commits are known");
    assert_eq!(committed, [(audit(0), Some(pending.clone()))]);
    consumer
        .seek(audit(0), pending.offset)
        .expect("an owned partition can be sought");
    let mut told = Vec::new();
    until("out of range is told", || {
        told = poll(&mut *consumer);
        !told.is_empty()
    });
    let [Polled::OutOfRange { available, .. }] = told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        texts(&read_to_end(&mut *consumer, audit(0), available.0).0),
        ["d"]
    );
}

/// Neither after retention nor after a crash, nor both.
pub async fn offsets_are_never_used_twice(fixture: &mut dyn Fixture) {
    let mut last = append(&*fixture.log(), audit(0), &["a"]).await[0];
    for step in 0..4 {
        if step % 2 == 0 {
            fixture.expire_all().await;
        }
        fixture.crash().await;
        let next = append(&*fixture.log(), audit(0), &["b"]).await[0];
        assert!(next > last, "step {step}: {next} after {last}");
        last = next;
    }
    let partitions = fixture.log().partitions(Topic::DeadLetters);
    assert_eq!(partitions, 1, "dead letters have one order");
}

/// Some records at a place, as an operator looks at them: none that were not asked for, and no commit is needed.
pub async fn a_place_is_read_without_joining(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let at = |from, records| {
        let most = ReadBounds {
            records,
            bytes: usize::MAX,
        };
        let log = log.clone();
        async move { texts(&log.read(audit(0), from, most).await.expect("it can be read")) }
    };
    assert!(at(0, 10).await.is_empty(), "there is nothing yet");
    let offsets = append(&*log, audit(0), &["a", "b", "c"]).await;
    append(&*log, audit(1), &["elsewhere"]).await;
    assert_eq!(at(offsets[1], 10).await, ["b", "c"]);
    assert_eq!(at(offsets[1], 1).await, ["b"]);
    assert!(at(offsets[2] + 1, 10).await.is_empty(), "behind the end");
    let small = ReadBounds {
        records: 10,
        bytes: 5,
    };
    let one = log.read(audit(0), 0, small).await.expect("it can be read");
    assert_eq!(
        texts(&one),
        ["a"],
        "the bytes bound it, and the first always fits"
    );
    fixture.expire_all().await;
    append(&*log, audit(0), &["d"]).await;
    assert_eq!(at(0, 10).await, ["d"], "it begins at what is kept");
}

/// A reader goes on where its last page ended: over bounds, holes, the end that was, and what retention took.
pub async fn a_reader_goes_on_where_it_was(fixture: &mut dyn Fixture) {
    let most = |records, bytes| ReadBounds { records, bytes };
    let log = fixture.log();
    let mut reader = log.reader(audit(0), 0);
    let mut page = async |most| texts(&reader.page(most).await.expect("it can be read"));
    assert!(page(ReadBounds::ONE).await.is_empty(), "there is nothing yet");
    append(&*log, audit(0), &["a", "b", "c"]).await;
    assert_eq!(page(most(10, 5)).await, ["a"], "the bytes bound it");
    assert_eq!(page(most(1, usize::MAX)).await, ["b"], "so does the number");
    assert_eq!(page(most(10, usize::MAX)).await, ["c"]);
    let mut left = log.reader(audit(0), 1);
    let given_up = tokio::time::timeout(Duration::ZERO, left.page(ReadBounds::ONE)).await;
    let again = match given_up {
        Ok(page) => page,
        Err(_) => left.page(ReadBounds::ONE).await,
    };
    let again = again.expect("it can be read");
    assert_eq!(texts(&again), ["b"], "a page that nobody waited for comes again");
    assert!(page(ReadBounds::ONE).await.is_empty(), "it is at the end");
    fixture.leave_hole(audit(0), 4).await;
    assert!(page(ReadBounds::ONE).await.is_empty(), "a hole is nothing");
    append(&*fixture.log(), audit(0), &["d", "e"]).await;
    assert_eq!(page(ReadBounds::ONE).await, ["d"], "the end has moved on");
    fixture.expire_all().await;
    append(&*fixture.log(), audit(0), &["f"]).await;
    let mut rest = Vec::new();
    for _ in 0..3 {
        rest.extend(page(most(10, usize::MAX)).await);
    }
    // What was fetched ahead may still come, once.
    assert!(rest == ["f"] || rest == ["e", "f"], "{rest:?}");
}

/// Where several partitions end, in one question.
pub async fn the_ends_of_partitions_are_told_together(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut consumer = consumer_of_all(&*log, "ends");
    let ends = |consumer: &mut dyn crate::log::Consumer| {
        let mut ends = consumer.ends(&[audit(0), audit(1)]).expect("they are known");
        ends.sort();
        ends
    };
    assert_eq!(ends(&mut *consumer), [(audit(0), 0), (audit(1), 0)]);
    append(&*log, audit(0), &["a", "b"]).await;
    append(&*log, audit(1), &["c"]).await;
    assert_eq!(ends(&mut *consumer), [(audit(0), 2), (audit(1), 1)]);
    assert_eq!(consumer.ends(&[]).expect("nothing is asked"), []);
    let after = consumer.offsets(audit(0)).expect("other questions are answered");
    assert_eq!(after, (0, 2));
}
