//! Who looks after which partition, and how far the views are, over the embedded log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_engines::log::{Commit, Committed, EventLog, NewRecord, Polled, Route};
use hindsight_processors::lifecycle::{Held, Ownership, WatchedView, Watermarks};
use hindsight_schemas::ids::{Partition, Topic};

use super::scrub::Slow;

const PARTITIONS: u32 = 3;
const GROUP: &str = "hindsight.view.g1";

fn open(dir: &std::path::Path) -> Arc<dyn EventLog> {
    let options = Options {
        partitions: PARTITIONS,
        ..Options::default()
    };
    Arc::new(EmbeddedLog::open(dir, options).unwrap())
}

fn partition(partition: u32) -> Partition {
    Partition {
        topic: Topic::Recordings,
        partition,
    }
}

async fn append_to(log: &dyn EventLog, partition: u32) {
    let record = NewRecord {
        topic: Topic::Recordings,
        to: Route::Partition(partition),
        key: Bytes::from_static(b"k"),
        value: Some(Bytes::from_static(b"v")),
        headers: Vec::new(),
    };
    log.append(vec![record]).await.unwrap();
}

/// Commits as a lane of the group would.
fn commit(log: &dyn EventLog, partition: Partition, offset: u64) {
    let mut consumer = log.consumer(GROUP, &[Topic::Recordings]).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let mut ours = false;
    while !ours && Instant::now() < until {
        let polled = consumer.poll(Duration::from_millis(100)).unwrap();
        ours = polled
            .iter()
            .any(|polled| matches!(polled, Polled::Assigned(all) if all.contains(&partition)));
    }
    let committed = Committed {
        offset,
        metadata: String::new(),
    };
    consumer.commit(&[Commit { partition, committed }]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_complete_up_to_the_moment_whose_end_it_has_committed() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let views = vec![WatchedView {
        group: GROUP.into(),
        topics: vec![Topic::Recordings],
    }];
    let watermarks = Watermarks::new(log.clone(), views);
    assert_eq!(watermarks.least(), None, "nothing is known before a look");

    append_to(&*log, 1).await;
    watermarks.look().await.unwrap();
    assert!(
        watermarks.of(partition(0)).is_some(),
        "an empty partition is complete"
    );
    assert_eq!(watermarks.of(partition(1)), None);
    assert_eq!(watermarks.least(), None);

    commit(&*log, partition(1), 1);
    watermarks.look().await.unwrap();
    let reached = watermarks.of(partition(1)).unwrap();
    append_to(&*log, 1).await;
    watermarks.look().await.unwrap();
    assert_eq!(
        watermarks.of(partition(1)),
        Some(reached),
        "it neither advances nor goes back"
    );
    assert_eq!(watermarks.least(), Some(reached));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_searched_is_complete_only_when_it_was_refreshed() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir.path().join("log"));
    let search = Arc::new(Slow::open(&dir.path().join("search")));
    let views = vec![WatchedView {
        group: GROUP.into(),
        topics: vec![Topic::Recordings],
    }];
    let watermarks = Watermarks::new(log.clone(), views).searched_in(search.clone());
    let refreshed = || search.refreshed.load(Ordering::SeqCst);
    append_to(&*log, 1).await;
    watermarks.look().await.unwrap();
    assert_eq!((watermarks.of(partition(1)), refreshed()), (None, 1));
    watermarks.look().await.unwrap();
    assert_eq!(refreshed(), 1, "nothing was committed since");

    commit(&*log, partition(1), 1);
    search.away.store(1, Ordering::SeqCst);
    watermarks.look().await.unwrap_err();
    assert_eq!(watermarks.of(partition(1)), None, "it can't be found yet");
    watermarks.look().await.unwrap();
    assert!(watermarks.of(partition(1)).is_some());
    assert_eq!(refreshed(), 2);
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_the_partitions_and_inherit_them() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let join = || Ownership::join(log.clone(), "hindsight.lifecycle.g1".into(), Topic::Recordings).unwrap();
    let all: Vec<Partition> = (0..PARTITIONS).map(partition).collect();

    let first = join();
    let of_first = first.held();
    until("the first holds all", || of_first.partitions() == all).await;
    let second = join();
    let of_second = second.held();
    let both = |a: &Held, b: &Held| (a.partitions(), b.partitions());
    until("both hold some and together all", || {
        let (a, b) = both(&of_first, &of_second);
        let together: BTreeSet<Partition> = a.iter().chain(&b).copied().collect();
        !a.is_empty() && !b.is_empty() && a.len() + b.len() == all.len() && together.len() == all.len()
    })
    .await;
    first.leave().await;
    assert_eq!(of_first.partitions(), [], "who left holds nothing");
    until("the second inherits", || of_second.partitions() == all).await;
    second.leave().await;
}
