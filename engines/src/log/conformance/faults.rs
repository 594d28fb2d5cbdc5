//! What is left after a crash, and what a disk that fails stops.

use bytes::Bytes;
use hindsight_schemas::ids::Topic;

use super::{Fixture, append, audit, consumer_of_all, read_to_end, record, texts};
use crate::log::{AppendError, Commit, Committed, NewRecord};

/// Whole and in order, also across several crashes.
pub async fn answered_appends_survive_a_crash(fixture: &mut dyn Fixture) {
    let mut expected = Vec::new();
    for round in 0..3 {
        for number in 0..5 {
            let value = format!("{round} {number}");
            append(&*fixture.log(), audit(0), &[&value]).await;
            expected.push(value);
        }
        fixture.crash().await;
        let mut consumer = consumer_of_all(&*fixture.log(), "crash");
        assert_eq!(texts(&read_to_end(&mut *consumer, audit(0), 0).0), expected);
    }
}

/// With their metadata.
pub async fn commits_survive_a_crash(fixture: &mut dyn Fixture) {
    let committed = Committed {
        offset: 3,
        metadata: "pending 3..9, 1".into(),
    };
    let mut consumer = consumer_of_all(&*fixture.log(), "crash-commit");
    let commit = Commit {
        partition: audit(2),
        committed: committed.clone(),
    };
    consumer.commit(&[commit]).expect("the commit is answered");
    drop(consumer);
    fixture.crash().await;
    let after = fixture.log().committed("crash-commit", audit(2)).await;
    assert_eq!(after.expect("commits are known"), Some(committed));
}

/// Offsets mean the same as before, so the name is the same.
pub async fn the_log_id_outlives_a_crash(fixture: &mut dyn Fixture) {
    let before = fixture.log().id(Topic::Audit);
    fixture.crash().await;
    assert_eq!(fixture.log().id(Topic::Audit), before);
}

/// What was refused is not seen before or while the disk is full; once there is space appends go on.
pub async fn a_full_disk_refuses_appends_and_reads_go_on(fixture: &mut dyn Fixture) {
    append(&*fixture.log(), audit(0), &["a"]).await;
    fixture.fill_disk(true).await;
    for attempt in 0..3 {
        let long = record(audit(0), &format!("lost {attempt}"));
        let long = vec![
            long,
            NewRecord {
                value: Some(Bytes::from(vec![0; 100_000])),
                ..record(audit(1), "")
            },
        ];
        let refused = fixture.log().append(long).await;
        assert!(
            matches!(refused, Err(AppendError::Full(_) | AppendError::Unavailable(_))),
            "attempt {attempt}: {refused:?}"
        );
        let mut consumer = consumer_of_all(&*fixture.log(), "full");
        assert_eq!(
            texts(&read_to_end(&mut *consumer, audit(0), 0).0),
            ["a"],
            "attempt {attempt}"
        );
    }
    fixture.fill_disk(false).await;
    append(&*fixture.log(), audit(0), &["b"]).await;
    fixture.crash().await;
    let mut consumer = consumer_of_all(&*fixture.log(), "full");
    let after = texts(&read_to_end(&mut *consumer, audit(0), 0).0);
    // What was not answered may be there or not, but nothing else.
    let answered: Vec<_> = after.iter().filter(|text| !text.starts_with("lost")).collect();
    assert_eq!(answered, ["a", "b"], "{after:?}");
}
