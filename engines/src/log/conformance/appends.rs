//! What appending means.

use std::time::Duration;

use bytes::Bytes;
use hindsight_schemas::ids::Topic;

use super::{Fixture, append, audit, consumer_of_all, read_to_end, record, texts};
use crate::log::{AppendError, NewRecord, Route};

/// Positions come back in the order of the request, one for each record, with growing offsets per partition.
pub async fn positions_say_where_records_lie(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let records = [(1, "a"), (2, "b"), (1, "c")].map(|(partition, value)| record(audit(partition), value));
    let positions = log
        .append(records.to_vec())
        .await
        .expect("the append is answered");
    let places: Vec<_> = positions.iter().map(|position| position.partition).collect();
    assert_eq!(places, [audit(1), audit(2), audit(1)]);
    assert!(
        positions
            .iter()
            .all(|position| position.log_id == log.id(Topic::Audit))
    );
    assert!(positions[0].offset < positions[2].offset, "{positions:?}");
    let mut consumer = consumer_of_all(&*log, "positions");
    let (records, _) = read_to_end(&mut *consumer, audit(1), 0);
    assert_eq!(texts(&records), ["a", "c"]);
    let read: Vec<_> = records.iter().map(|record| record.position).collect();
    assert_eq!(read, [positions[0], positions[2]]);
}

/// murmur2, with partitions taken from Kafka's vectors of the hash.
pub async fn keys_go_where_kafka_sends_them(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let partitions = log.partitions(Topic::Recordings);
    for (key, hash) in [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("abc", 479_470_107),
    ] {
        let by_key = NewRecord {
            topic: Topic::Recordings,
            to: Route::ByKey,
            key: Bytes::from_static(key.as_bytes()),
            value: None,
            headers: Vec::new(),
        };
        let positions = log.append(vec![by_key]).await.expect("the append is answered");
        let expected = (hash & 0x7fff_ffff).unsigned_abs() % partitions;
        assert_eq!(positions[0].partition.partition, expected, "{key}");
    }
}

/// Headers with their order and repeated names, a null value, an empty value, an empty key.
pub async fn a_record_comes_back_as_it_was(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let header = |name: &str, value: &'static [u8]| (name.to_owned(), Bytes::from_static(value));
    let headers = vec![
        header("b", b"1"),
        header("a", b"\0\xff"),
        header("b", b""),
        header("", b"x"),
    ];
    let shapes = [
        (Bytes::new(), None, headers),
        (Bytes::from_static(b"k"), Some(Bytes::new()), Vec::new()),
        (
            Bytes::from_static(b"\xff\0"),
            Some(Bytes::from_static(b"\0\xfe")),
            Vec::new(),
        ),
    ];
    let sent = shapes.map(|(key, value, headers)| NewRecord {
        topic: Topic::Audit,
        to: Route::Partition(0),
        key,
        value,
        headers,
    });
    log.append(sent.to_vec()).await.expect("the append is answered");
    let mut consumer = consumer_of_all(&*log, "shapes");
    let (read, _) = read_to_end(&mut *consumer, audit(0), 0);
    assert_eq!(read.len(), sent.len());
    for (sent, read) in sent.iter().zip(&read) {
        assert_eq!(
            (&sent.key, &sent.value, &sent.headers),
            (&read.key, &read.value, &read.headers)
        );
    }
}

/// A value of the limit is taken; with one byte more nothing of the request is kept.
pub async fn the_record_limit_is_exact_to_the_byte(fixture: &mut dyn Fixture) {
    let (log, limit) = (fixture.log(), fixture.record_bytes());
    let of_length = |bytes: usize| NewRecord {
        value: Some(vec![7; bytes].into()),
        ..record(audit(0), "")
    };
    log.append(vec![of_length(limit)])
        .await
        .expect("a record of the limit is taken");
    let refused = log
        .append(vec![record(audit(0), "small"), of_length(limit + 1)])
        .await;
    let Err(AppendError::TooLarge { bytes, limit: told }) = refused else {
        panic!("a record over the limit was not refused: {refused:?}");
    };
    assert_eq!((bytes, told), (limit + 1, limit));
    let mut consumer = consumer_of_all(&*log, "limit");
    let (records, _) = read_to_end(&mut *consumer, audit(0), 0);
    let lengths: Vec<_> = records
        .iter()
        .map(|record| record.value.as_ref().map_or(0, Bytes::len))
        .collect();
    assert_eq!(lengths, [limit]);
}

/// Each writer's records keep their order, whoever else writes.
pub async fn order_is_kept_per_key(fixture: &mut dyn Fixture) {
    const WRITERS: usize = 8;
    const EACH: usize = 20;
    let log = fixture.log();
    let writers = (0..WRITERS).map(|writer| {
        let log = log.clone();
        async move {
            for number in 0..EACH {
                append(&*log, audit(5), &[&format!("{writer} {number}")]).await;
            }
        }
    });
    futures::future::join_all(writers).await;
    let mut consumer = consumer_of_all(&*log, "order");
    let (records, _) = read_to_end(&mut *consumer, audit(5), 0);
    let texts = texts(&records);
    assert_eq!(texts.len(), WRITERS * EACH);
    for writer in 0..WRITERS {
        let prefix = format!("{writer} ");
        let own: Vec<_> = texts
            .iter()
            .filter_map(|text| text.strip_prefix(&prefix))
            .collect();
        let expected: Vec<_> = (0..EACH).map(|number| number.to_string()).collect();
        assert_eq!(own, expected, "writer {writer}");
    }
}

/// Also not when the wall clock does.
pub async fn append_time_never_goes_back(fixture: &mut dyn Fixture) {
    append(&*fixture.log(), audit(0), &["before"]).await;
    fixture.set_clock_back(Duration::from_secs(3600)).await;
    append(&*fixture.log(), audit(0), &["after"]).await;
    fixture.crash().await;
    append(&*fixture.log(), audit(0), &["after a crash"]).await;
    let mut consumer = consumer_of_all(&*fixture.log(), "time");
    let (records, _) = read_to_end(&mut *consumer, audit(0), 0);
    let times: Vec<_> = records.iter().map(|record| record.appended_at_ms).collect();
    assert_eq!(times.len(), 3);
    assert!(times.is_sorted(), "{times:?}");
}

/// Nothing of the request is kept.
pub async fn a_partition_that_is_not_there_is_refused(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let strange = audit(log.partitions(Topic::Audit));
    let refused = log
        .append(vec![record(audit(0), "good"), record(strange, "bad")])
        .await;
    assert!(
        matches!(refused, Err(AppendError::NoSuchPartition(_))),
        "{refused:?}"
    );
    assert_eq!(log.offsets(audit(0)).await.expect("offsets are known"), (0, 0));
}
