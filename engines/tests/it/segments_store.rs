//! The segment stores: the conformance suite, and what only a folder can do.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use bytes::Bytes;
use hindsight_engines::segments::{
    LocalSegments, ObjectSegments, Prefix, Put, SegmentPath, SegmentStore, StoreError, conformance,
};

fn path() -> SegmentPath {
    SegmentPath::Flush {
        view: 1,
        partition: 0,
        first: 0,
        last: 9,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_store_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::all(Arc::new(LocalSegments::open(folder.path()).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn object_stores_conform() {
    let memory = object_store::memory::InMemory::new();
    conformance::all(Arc::new(ObjectSegments::new(Arc::new(memory)))).await;
}

#[tokio::test]
async fn a_put_that_died_before_its_name_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalSegments::open(folder.path()).unwrap();
    let mut pending = store.create(&path()).await.unwrap();
    pending
        .write(Bytes::from_static(b"written, not named"))
        .await
        .unwrap();
    std::mem::forget(pending);
    let scratch = folder.path().join(".scratch");
    assert_eq!(
        std::fs::read_dir(&scratch).unwrap().count(),
        1,
        "the scratch file of the put"
    );

    let store = LocalSegments::open(folder.path()).unwrap();
    assert_eq!(
        std::fs::read_dir(&scratch).unwrap().count(),
        0,
        "scratch files go at open"
    );
    assert!(matches!(store.get(&path()).await, Err(StoreError::NotFound(_))));
    assert_eq!(
        store.list(&Prefix::Flushes { view: 1 }, None, 10).await.unwrap(),
        []
    );
    assert_eq!(
        store
            .put_create(&path(), Bytes::from_static(b"again"))
            .await
            .unwrap(),
        Put::Created
    );
}

#[tokio::test]
async fn what_was_put_is_there_after_a_restart_and_leaves_no_scratch() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalSegments::open(folder.path()).unwrap();
    store
        .put_create(&path(), Bytes::from_static(b"kept"))
        .await
        .unwrap();
    assert_eq!(
        store
            .put_create(&path(), Bytes::from_static(b"other"))
            .await
            .unwrap(),
        Put::Exists
    );
    assert_eq!(
        std::fs::read_dir(folder.path().join(".scratch")).unwrap().count(),
        0
    );
    let store = LocalSegments::open(folder.path()).unwrap();
    assert_eq!(store.get(&path()).await.unwrap(), "kept");
}

/// Root may write anywhere, so there the check is made by a folder that is a file.
#[tokio::test]
async fn a_folder_that_cant_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalSegments::open(folder.path()).unwrap();
    let scratch = folder.path().join(".scratch");
    std::fs::set_permissions(&scratch, std::fs::Permissions::from_mode(0o500)).unwrap();
    let is_root = std::fs::write(scratch.join("probe"), "").is_ok();
    if is_root {
        std::fs::remove_file(scratch.join("probe")).unwrap();
        std::fs::remove_dir(&scratch).unwrap();
        std::fs::write(&scratch, "not a folder").unwrap();
    }
    let error = store
        .put_create(&path(), Bytes::from_static(b"x"))
        .await
        .unwrap_err();
    if is_root {
        assert!(matches!(error, StoreError::Engine { .. }), "{error:?}");
    } else {
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    }
    assert!(
        error.to_string().contains(&folder.path().display().to_string()),
        "{error}"
    );
    std::fs::remove_file(&scratch)
        .or_else(|_| std::fs::set_permissions(&scratch, std::fs::Permissions::from_mode(0o700)))
        .unwrap();
}
