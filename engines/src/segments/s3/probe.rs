//! Tries at the start what the store must do, on a scratch object of its own.
//!
//! **Invariant:** the object is removed whatever the outcome; what a start that was killed leaves goes at the next.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};
use uuid::Uuid;

use super::super::objects::{SCRATCH, store_error};
use super::{Access, StoreError};

/// Leftovers that one start removes.
pub(super) const SWEPT: usize = 1_000;
/// How old scratch must be to be nobody's: longer than the longest put.
const ABANDONED: Duration = Duration::from_hours(24);

const FIRST: &[u8] = b"first";
const SECOND: &[u8] = b"second";

/// Tries everything that this access needs.
pub(super) async fn probe(store: &dyn ObjectStore, bucket: &str, access: Access) -> Result<(), StoreError> {
    let leftovers = leftovers(store).await?;
    if access == Access::Read {
        return Ok(());
    }
    for leftover in leftovers {
        let removed = store.delete(&leftover).await;
        removed.map_err(|error| store_error(&leftover, error))?;
    }
    let name = Path::from_iter([SCRATCH, &format!("probe-{}", Uuid::new_v4())]);
    let tried = tried(store, bucket, &name).await;
    let removed = store.delete(&name).await;
    tried?;
    removed.map_err(|error| store_error(&name, error))
}

/// Lists, which also shows that bucket and keys are right.
async fn leftovers(store: &dyn ObjectStore) -> Result<Vec<Path>, StoreError> {
    let folder = Path::from(SCRATCH);
    let wrap = |error| store_error(&folder, error);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = i64::try_from(now.saturating_sub(ABANDONED).as_millis()).unwrap_or(i64::MAX);
    let mut listed = store.list(Some(&folder));
    let mut old = Vec::new();
    let mut seen = 0;
    while seen < SWEPT
        && let Some(meta) = listed.try_next().await.map_err(wrap)?
    {
        seen += 1;
        if meta.last_modified.timestamp_millis() < before {
            old.push(meta.location);
        }
    }
    Ok(old)
}

async fn tried(store: &dyn ObjectStore, bucket: &str, name: &Path) -> Result<(), StoreError> {
    let unfit = |problem: &str| StoreError::Unfit {
        bucket: bucket.to_owned(),
        problem: problem.to_owned(),
    };
    create(store, name, FIRST)
        .await
        .map_err(|error| sorted(name, error, &unfit))?;
    match create(store, name, SECOND).await {
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
        Ok(()) => {
            return Err(unfit(
                "a second put replaced the first (If-None-Match is ignored): use a store with conditional puts",
            ));
        }
        Err(other) => return Err(sorted(name, other, &unfit)),
    }
    let stored = store.get(name).await.map_err(|error| store_error(name, error))?;
    let stored = stored.bytes().await.map_err(|error| store_error(name, error))?;
    if stored != FIRST {
        return Err(unfit("a refused put changed the object: use another store"));
    }
    let range = store
        .get_range(name, 1..3)
        .await
        .map_err(|error| store_error(name, error))?;
    if range != FIRST[1..3] {
        return Err(unfit("a range of an object is not that range: use another store"));
    }
    let copy = CopyOptions::new().with_mode(CopyMode::Create);
    match store.copy_opts(name, name, copy).await {
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(()),
        Ok(()) => Err(unfit(
            "a finished upload replaced an object (If-None-Match is ignored there): use a store with conditional uploads",
        )),
        Err(other) => Err(sorted(name, other, &unfit)),
    }
}

async fn create(store: &dyn ObjectStore, name: &Path, bytes: &'static [u8]) -> Result<(), Error> {
    let options = PutOptions {
        mode: PutMode::Create,
        ..PutOptions::default()
    };
    store
        .put_opts(name, PutPayload::from_static(bytes), options)
        .await
        .map(drop)
}

/// 501 and 400 to a conditional request: the store doesn't know them.
fn sorted(name: &Path, error: Error, unfit: &impl Fn(&str) -> StoreError) -> StoreError {
    let words = error.to_string();
    if matches!(error, Error::NotImplemented { .. } | Error::NotSupported { .. })
        || words.contains("NotImplemented")
    {
        return unfit("it has no conditional puts (If-None-Match): use a store that has");
    }
    store_error(name, error)
}
