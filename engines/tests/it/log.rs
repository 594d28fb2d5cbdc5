//! The embedded log.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_engines::log::{Commit, Committed, EventLog, NewRecord, Polled, Route};
use hindsight_schemas::ids::{Partition, Topic};

fn record(text: &str) -> NewRecord {
    NewRecord {
        topic: Topic::Audit,
        to: Route::Partition(3),
        key: Bytes::new(),
        value: Some(Bytes::copy_from_slice(text.as_bytes())),
        headers: vec![],
    }
}

fn open(folder: &Path) -> EmbeddedLog {
    EmbeddedLog::open(folder, Options::default()).unwrap()
}

#[tokio::test]
async fn what_was_appended_is_read_and_committed() {
    let folder = tempfile::tempdir().unwrap();
    let partition = Partition {
        topic: Topic::Audit,
        partition: 3,
    };
    let log = open(folder.path());
    let positions = log.append(vec![record("a"), record("b")]).await.unwrap();
    assert_eq!(positions[1].offset, 1);
    let mut consumer = log.consumer("g", &[Topic::Audit]).unwrap();
    let polled = consumer.poll(Duration::from_secs(5)).unwrap();
    assert!(
        matches!(&polled[..], [Polled::Assigned(all)] if all.len() == 8),
        "{polled:?}"
    );
    consumer.seek(partition, 0).unwrap();
    let polled = consumer.poll(Duration::from_secs(5)).unwrap();
    assert!(
        matches!(
            &polled[..],
            [Polled::Record(_), Polled::Record(_), Polled::EndOfPartition(_, 2)]
        ),
        "{polled:?}"
    );
    let committed = Committed {
        offset: 2,
        metadata: "pending".into(),
    };
    consumer
        .commit(&[Commit {
            partition,
            committed: committed.clone(),
        }])
        .unwrap();
    drop(consumer);
    drop(log);
    let log = open(folder.path());
    assert_eq!(log.committed("g", partition).await.unwrap(), Some(committed));
    assert_eq!(log.offsets(partition).await.unwrap(), (0, 2));
}
