//! Each bound, and who is held back by it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hindsight_engines::log::embedded::{EmbeddedLog, OpenError, Options, RegisteredGroup};
use hindsight_engines::log::{AppendError, Commit, Committed, EventLog, Polled};
use hindsight_schemas::ids::{Partition, Topic};

use super::fixture::HandClock;
use super::{AUDIT, open, reader, record, values};

const KIB: usize = 1024;
const DEAD_LETTERS: Partition = Partition {
    topic: Topic::DeadLetters,
    partition: 0,
};

fn one_group() -> Vec<RegisteredGroup> {
    vec![RegisteredGroup {
        name: "analytics".into(),
        topics: vec![Topic::Audit],
    }]
}

#[tokio::test]
async fn a_full_log_refuses_until_its_groups_have_passed() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        max_bytes: 256 * KIB as u64,
        retention_bytes: 128 * KIB as u64,
        registered_groups: one_group(),
        ..Options::default()
    };
    let log = EmbeddedLog::open(folder.path(), options).unwrap();
    let mut appended = 0;
    let refused = loop {
        match log.append(vec![record(AUDIT, vec![7; 10 * KIB])]).await {
            Ok(_) => appended += 1,
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(&refused, AppendError::Full(why) if why.contains("log.max_bytes")),
        "{refused}"
    );
    assert_eq!(appended, 16, "16 records of 16 KiB on the disk");
    let dead_letter = record(DEAD_LETTERS, vec![7; KIB]);
    log.append(vec![dead_letter])
        .await
        .expect("dead letters have room left, or the log could not be worked off");

    let mut consumer = reader(&log, "analytics");
    let committed = Committed {
        offset: 10,
        metadata: String::new(),
    };
    consumer
        .commit(&[Commit {
            partition: AUDIT,
            committed,
        }])
        .expect("a full log takes commits");
    log.append(vec![record(AUDIT, vec![7; 10 * KIB])])
        .await
        .expect("what the group passed has made room");
    let (first, next) = log.offsets(AUDIT).await.unwrap();
    assert!(first > 0 && first <= 10, "{first}");
    assert_eq!(next, 17);
}

#[tokio::test]
async fn age_removes_nothing_that_a_registered_group_has_not_passed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(HandClock::at_2026());
    let options = Options {
        registered_groups: one_group(),
        clock: clock.clone(),
        ..Options::default()
    };
    let log = EmbeddedLog::open(folder.path(), options.clone()).unwrap();
    log.append((0..5).map(|_| record(AUDIT, vec![7; 10])).collect())
        .await
        .unwrap();
    clock.age(options.retention_age);
    assert_eq!(log.retain().unwrap(), 0, "it is not older than 72 h yet");
    clock.age(Duration::from_millis(1));
    assert_eq!(log.retain().unwrap(), 0, "the group has committed nothing");
    let committed = Committed {
        offset: 3,
        metadata: "pending 3..4".into(),
    };
    reader(&log, "analytics")
        .commit(&[Commit {
            partition: AUDIT,
            committed,
        }])
        .unwrap();
    assert_eq!(log.retain().unwrap(), 3);
    assert_eq!(log.offsets(AUDIT).await.unwrap(), (3, 5));
    assert_eq!(log.stats().records, 2);
}

#[tokio::test]
async fn the_file_does_not_grow_with_what_went_through_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        retention_bytes: 2048 * KIB as u64,
        ..Options::default()
    };
    let log = EmbeddedLog::open(folder.path(), options).unwrap();
    let mut lengths = Vec::new();
    for _ in 0..10 {
        for size in [3 * KIB, 90 * KIB, KIB / 2, 600 * KIB, 40 * KIB, 800 * KIB] {
            log.append(vec![record(AUDIT, vec![7; size])]).await.unwrap();
        }
        log.retain().unwrap();
        lengths.push(log.stats().file_bytes);
    }
    let (early, last) = (lengths[2], lengths[9]);
    assert!(
        last <= early + early / 2,
        "15 MiB went through 2 MiB: {lengths:?}"
    );
}

#[tokio::test]
async fn a_poll_brings_so_many_records_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        poll_items: 3,
        poll_bytes: 50 * KIB,
        ..Options::default()
    };
    let log = EmbeddedLog::open(folder.path(), options).unwrap();
    let small = (0..4).map(|_| record(AUDIT, vec![1; 10]));
    let long = (0..3).map(|_| record(AUDIT, vec![2; 20 * KIB]));
    let longer = record(AUDIT, vec![3; 60 * KIB]);
    log.append(small.chain(long).chain([longer]).collect())
        .await
        .unwrap();
    let mut consumer = reader(&log, "bounds");
    let mut polls = Vec::new();
    loop {
        let polled = consumer.poll(Duration::ZERO).unwrap();
        polls.push(
            polled
                .iter()
                .filter(|item| matches!(item, Polled::Record(_)))
                .count(),
        );
        if matches!(polled.last(), Some(Polled::EndOfPartition(..))) {
            break;
        }
    }
    assert_eq!(
        polls,
        [3, 3, 1, 1],
        "by items, by items, by bytes, one that is longer than the bound"
    );
}

#[tokio::test]
async fn requests_that_wait_share_one_commit_and_the_queue_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(
        folder.path(),
        Options {
            queue_bytes: 64 * KIB,
            ..Options::default()
        },
    )
    .unwrap();
    let appends = (0..200).map(|_| log.append(vec![record(AUDIT, vec![7; 5 * KIB])]));
    for answer in futures::future::join_all(appends).await {
        answer.expect("who waits for room gets it in the end");
    }
    let longer_than_the_queue = log.append(vec![record(AUDIT, vec![7; 100 * KIB])]).await;
    longer_than_the_queue.expect("one request always fits");
    assert_eq!(values(&log).unwrap().len(), 201);
}

#[tokio::test]
async fn framing_has_a_limit_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let with_header = |partition, bytes: usize| {
        let mut record = record(partition, vec![7; 8 * KIB * KIB]);
        record.headers = vec![("h".into(), Bytes::from(vec![7; bytes]))];
        record
    };
    log.append(vec![with_header(AUDIT, 60 * KIB)]).await.unwrap();
    let refused = log.append(vec![with_header(AUDIT, 65 * KIB)]).await;
    assert!(
        matches!(refused, Err(AppendError::TooLarge { .. })),
        "{refused:?}"
    );
    log.append(vec![with_header(DEAD_LETTERS, 120 * KIB)])
        .await
        .unwrap();
}

#[tokio::test]
async fn closing_answers_what_waits_and_refuses_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let mut waiting: Vec<_> = (0..20)
        .map(|_| Box::pin(log.append(vec![record(AUDIT, vec![7; KIB])])))
        .collect();
    for append in &mut waiting {
        assert!(futures::poll!(append).is_pending());
    }
    let mut consumer = reader(&log, "closing");
    log.close();
    for append in waiting {
        append.await.expect("what was sent before is kept");
    }
    let refused = log.append(vec![record(AUDIT, vec![7])]).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(consumer.poll(Duration::ZERO).is_err());
    assert_eq!(values(&open(folder.path())).unwrap().len(), 20);
}

#[test]
fn a_folder_has_one_log_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let second = EmbeddedLog::open(folder.path(), Options::default())
        .err()
        .expect("it is in use");
    assert!(matches!(second, OpenError::InUse(_)), "{second}");
    let consumer = log.consumer("holds on", &[Topic::Audit]).unwrap();
    drop(log);
    open(folder.path());
    drop(consumer);
}

#[test]
fn the_number_of_partitions_is_chosen_once() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    for partitions in [4, 16] {
        let options = Options {
            partitions,
            ..Options::default()
        };
        let error = EmbeddedLog::open(folder.path(), options).err().expect("it has 8");
        assert!(
            matches!(error, OpenError::Partitions { stored: 8, .. }),
            "{error}"
        );
    }
    open(folder.path());
}

#[test]
fn what_is_no_log_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.redb");
    std::fs::write(&file, b"somebody's notes, longer than a header would be").unwrap();
    let error = EmbeddedLog::open(folder.path(), Options::default())
        .err()
        .expect("it is no log");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(
        std::fs::read(&file).unwrap(),
        b"somebody's notes, longer than a header would be"
    );
    let error = EmbeddedLog::open(&file, Options::default())
        .err()
        .expect("it is no folder");
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
}
