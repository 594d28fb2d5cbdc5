//! What every segment store must do; each implementation's tests run all of it against a fresh, empty store.
//!
//! A case panics with what differed.

use std::sync::Arc;

use bytes::Bytes;
use hindsight_schemas::ids::SessionId;

use super::path::{Prefix, SegmentPath};
use super::store::{Put, SegmentStore, StoreError};

/// How many puts race for one name.
const RACERS: u8 = 16;

fn flush(partition: u32, first: u64) -> SegmentPath {
    SegmentPath::Flush {
        view: 1,
        partition,
        first,
        last: first + 9,
    }
}

/// Runs all cases.
pub async fn all(store: Arc<dyn SegmentStore>) {
    of_racing_puts_one_creates(store.clone()).await;
    a_put_leaves_what_exists(&*store).await;
    ranges_and_tails_are_exact(&*store).await;
    what_is_not_there_is_told_apart(&*store).await;
    lists_go_by_name_in_pages(&*store).await;
    an_unfinished_object_is_not_visible(&*store).await;
    pieces_make_one_object(&*store).await;
    an_empty_object_is_one(&*store).await;
}

async fn of_racing_puts_one_creates(store: Arc<dyn SegmentStore>) {
    let path = flush(0, 0);
    let racers = (0..RACERS).map(|racer| {
        let (store, path) = (store.clone(), path.clone());
        tokio::spawn(async move {
            let put = store
                .put_create(&path, Bytes::from(vec![racer; 100_000]))
                .await
                .expect("a race is no error");
            (racer, put)
        })
    });
    let answers = futures::future::join_all(racers).await;
    let winners: Vec<u8> = answers
        .into_iter()
        .map(|answer| answer.expect("no racer panics"))
        .filter_map(|(racer, put)| (put == Put::Created).then_some(racer))
        .collect();
    assert_eq!(winners.len(), 1, "exactly one put creates");
    let stored = store.get(&path).await.expect("the object is there");
    assert_eq!(
        stored,
        vec![winners[0]; 100_000],
        "the object is the winner's, whole"
    );
}

async fn a_put_leaves_what_exists(store: &dyn SegmentStore) {
    let path = flush(1, 0);
    for (bytes, expected) in [
        ("first", Put::Created),
        ("second", Put::Exists),
        ("first", Put::Exists),
    ] {
        let put = store
            .put_create(&path, Bytes::from_static(bytes.as_bytes()))
            .await
            .expect("put");
        assert_eq!(put, expected, "{bytes}");
    }
    assert_eq!(store.get(&path).await.expect("get"), "first");
}

async fn ranges_and_tails_are_exact(store: &dyn SegmentStore) {
    let path = flush(2, 0);
    store
        .put_create(&path, Bytes::from_static(b"0123456789"))
        .await
        .expect("put");
    for (range, expected) in [(0..10, "0123456789"), (3..5, "34"), (9..10, "9"), (4..4, "")] {
        assert_eq!(
            store.get_range(&path, range.clone()).await.expect("range"),
            expected,
            "{range:?}"
        );
    }
    for range in [5..11, 10..11, 20..30] {
        let error = store
            .get_range(&path, range.clone())
            .await
            .expect_err("a range behind the end");
        assert!(matches!(error, StoreError::Range { .. }), "{range:?}: {error:?}");
    }
    for (asked, expected) in [(3, "789"), (10, "0123456789"), (1_000, "0123456789")] {
        let tail = store.get_tail(&path, asked).await.expect("tail");
        assert_eq!(
            (tail.bytes, tail.object_bytes),
            (Bytes::from_static(expected.as_bytes()), 10),
            "{asked}"
        );
    }
}

async fn what_is_not_there_is_told_apart(store: &dyn SegmentStore) {
    let path = flush(3, 0);
    assert!(matches!(store.get(&path).await, Err(StoreError::NotFound(_))));
    assert!(matches!(
        store.get_range(&path, 0..1).await,
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(
        store.get_tail(&path, 1).await,
        Err(StoreError::NotFound(_))
    ));
    store
        .delete(&path)
        .await
        .expect("deleting what is not there is fine");
    store
        .put_create(&path, Bytes::from_static(b"x"))
        .await
        .expect("put");
    store.delete(&path).await.expect("delete");
    assert!(matches!(store.get(&path).await, Err(StoreError::NotFound(_))));
    assert_eq!(
        store
            .put_create(&path, Bytes::from_static(b"y"))
            .await
            .expect("put"),
        Put::Created
    );
}

async fn lists_go_by_name_in_pages(store: &dyn SegmentStore) {
    // Offset 100 would sort before 20 without leading zeros; partition 41 must not show under 4.
    let offsets = [20, 0, 100, 40, 80, 60, 120];
    for first in offsets {
        store
            .put_create(&flush(4, first), Bytes::from(vec![0; first as usize]))
            .await
            .expect("put");
    }
    store.put_create(&flush(41, 0), Bytes::new()).await.expect("put");

    let prefix = Prefix::Flush {
        view: 1,
        partition: 4,
    };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(&prefix, after.as_ref(), 3).await.expect("list");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after = Some(last.path.clone());
        for listed in page {
            assert!(listed.modified_ms > 1_500_000_000_000, "{listed:?}");
            seen.push((listed.path, listed.bytes));
        }
    }
    let mut expected: Vec<_> = offsets.iter().map(|first| (flush(4, *first), *first)).collect();
    expected.sort();
    assert_eq!(seen, expected);
    assert_eq!(store.list(&Prefix::Erased, None, 10).await.expect("list"), []);
}

async fn an_unfinished_object_is_not_visible(store: &dyn SegmentStore) {
    let path = flush(5, 0);
    let mut pending = store.create(&path).await.expect("create");
    pending.write(Bytes::from_static(b"half")).await.expect("write");
    assert!(matches!(store.get(&path).await, Err(StoreError::NotFound(_))));
    drop(pending);
    assert!(matches!(store.get(&path).await, Err(StoreError::NotFound(_))));
    assert_eq!(
        store
            .list(
                &Prefix::Flush {
                    view: 1,
                    partition: 5
                },
                None,
                10
            )
            .await
            .expect("list"),
        []
    );
}

async fn pieces_make_one_object(store: &dyn SegmentStore) {
    let path = SegmentPath::Claim {
        project: "shop".parse().expect("a project"),
        session: SessionId::from_parts(1_700_000_000_000, [1; 10]),
        generation: 1,
    };
    let mut pending = store.create(&path).await.expect("create");
    for piece in ["one ", "", "two"] {
        pending
            .write(Bytes::from_static(piece.as_bytes()))
            .await
            .expect("write");
    }
    assert_eq!(pending.finish().await.expect("finish"), Put::Created);
    assert_eq!(store.get(&path).await.expect("get"), "one two");
    let claims = store.list(&Prefix::Claims, None, 10).await.expect("list");
    assert_eq!(
        claims.iter().map(|listed| &listed.path).collect::<Vec<_>>(),
        [&path]
    );
}

async fn an_empty_object_is_one(store: &dyn SegmentStore) {
    let path = SegmentPath::Erased {
        project: "shop".parse().expect("a project"),
        session: SessionId::from_parts(1_700_000_000_000, [2; 10]),
    };
    assert_eq!(
        store.put_create(&path, Bytes::new()).await.expect("put"),
        Put::Created
    );
    assert_eq!(store.get(&path).await.expect("get"), "");
    assert_eq!(
        store
            .put_create(&path, Bytes::from_static(b"x"))
            .await
            .expect("put"),
        Put::Exists
    );
}
