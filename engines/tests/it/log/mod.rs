//! The event logs: the suite that every log passes, and what is each one's own.

mod bounds;
mod disk;
mod fixture;
mod kafka;
mod power_loss;

mod conformance {
    use super::fixture::EmbeddedFixture;

    hindsight_engines::log_conformance!(EmbeddedFixture::new());
}

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hindsight_engines::log::embedded::EmbeddedLog;
use hindsight_engines::log::{Consumer, ConsumerError, EventLog, NewRecord, Polled, Route};
use hindsight_schemas::ids::{Partition, Topic};

const AUDIT: Partition = Partition {
    topic: Topic::Audit,
    partition: 0,
};

fn record(partition: Partition, value: Vec<u8>) -> NewRecord {
    NewRecord {
        topic: partition.topic,
        to: Route::Partition(partition.partition),
        key: Bytes::from_static(b"key"),
        value: Some(value.into()),
        headers: Vec::new(),
    }
}

/// A consumer of the audit topic that stands at the beginning of the first partition.
fn reader(log: &EmbeddedLog, group: &str) -> Box<dyn Consumer> {
    let mut consumer = log.consumer(group, &[Topic::Audit]).unwrap();
    let polled = consumer.poll(Duration::ZERO).unwrap();
    assert!(matches!(&polled[..], [Polled::Assigned(_)]), "{polled:?}");
    let first = consumer.offsets(AUDIT).unwrap().0;
    consumer.seek(AUDIT, first).unwrap();
    consumer
}

/// Everything that lies in the first partition of the audit topic.
fn values(log: &EmbeddedLog) -> Result<Vec<Bytes>, ConsumerError> {
    let mut consumer = reader(log, "values");
    let mut values = Vec::new();
    loop {
        for item in consumer.poll(Duration::ZERO)? {
            match item {
                Polled::Record(record) => values.push(record.value.unwrap()),
                Polled::EndOfPartition(..) => return Ok(values),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn open(folder: &Path) -> EmbeddedLog {
    EmbeddedLog::open(folder, Default::default()).unwrap()
}
