//! Segments over any `object_store`: S3 and its kin, or memory in tests. Create-only puts are conditional puts.
//!
//! **Bound:** an object is collected in memory before it is put, [`MAX_OBJECT_BYTES`] at most.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use super::path::{Prefix, SegmentPath};
use super::store::{Listed, ObjectTail, PendingObject, Put, SegmentStore, StoreError};

/// What one object may have.
pub const MAX_OBJECT_BYTES: usize = 256 << 20;

/// Objects of an `object_store`.
#[derive(Debug, Clone)]
pub struct ObjectSegments {
    store: Arc<dyn ObjectStore>,
}

impl ObjectSegments {
    /// Over this store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }
}

fn name(path: &SegmentPath) -> Path {
    Path::from(path.to_string())
}

/// Sorts an error of `object_store`.
pub(super) fn store_error(path: &dyn std::fmt::Display, error: object_store::Error) -> StoreError {
    match error {
        object_store::Error::NotFound { .. } => StoreError::NotFound(path.to_string()),
        other => StoreError::Engine {
            path: path.to_string(),
            source: Box::new(other),
        },
    }
}

struct Pending {
    store: Arc<dyn ObjectStore>,
    path: SegmentPath,
    parts: Vec<Bytes>,
    bytes: usize,
}

#[async_trait]
impl PendingObject for Pending {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.bytes += bytes.len();
        if self.bytes > MAX_OBJECT_BYTES {
            return Err(StoreError::TooLarge {
                path: self.path.to_string(),
                limit: MAX_OBJECT_BYTES,
            });
        }
        self.parts.push(bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Put, StoreError> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let payload = PutPayload::from_iter(self.parts);
        match self.store.put_opts(&name(&self.path), payload, options).await {
            Ok(_) => Ok(Put::Created),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Put::Exists)
            }
            Err(error) => Err(store_error(&self.path, error)),
        }
    }
}

#[async_trait]
impl SegmentStore for ObjectSegments {
    async fn create(&self, path: &SegmentPath) -> Result<Box<dyn PendingObject>, StoreError> {
        Ok(Box::new(Pending {
            store: self.store.clone(),
            path: path.clone(),
            parts: Vec::new(),
            bytes: 0,
        }))
    }

    async fn get(&self, path: &SegmentPath) -> Result<Bytes, StoreError> {
        let wrap = |error| store_error(path, error);
        self.store
            .get(&name(path))
            .await
            .map_err(wrap)?
            .bytes()
            .await
            .map_err(wrap)
    }

    async fn get_range(&self, path: &SegmentPath, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let short = || StoreError::Range {
            path: path.to_string(),
            range: range.clone(),
        };
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        let found = match self.store.get_opts(&name(path), options).await {
            Err(error @ object_store::Error::NotFound { .. }) => return Err(store_error(path, error)),
            Err(error) => {
                // Stores differ in how they say that a range starts behind the end: the size decides.
                let size = self
                    .store
                    .head(&name(path))
                    .await
                    .map_err(|error| store_error(path, error))?
                    .size;
                return Err(if range.end > size {
                    short()
                } else {
                    store_error(path, error)
                });
            }
            Ok(found) => found,
        };
        let bytes = found.bytes().await.map_err(|error| store_error(path, error))?;
        if bytes.len() as u64 == range.end - range.start {
            Ok(bytes)
        } else {
            Err(short())
        }
    }

    async fn get_tail(&self, path: &SegmentPath, bytes: u64) -> Result<ObjectTail, StoreError> {
        let wrap = |error| store_error(path, error);
        let options = GetOptions {
            range: Some(GetRange::Suffix(bytes)),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&name(path), options).await.map_err(wrap)?;
        let (object_bytes, modified) = (found.meta.size, found.meta.last_modified);
        Ok(ObjectTail {
            bytes: found.bytes().await.map_err(wrap)?,
            object_bytes,
            modified_ms: modified.timestamp_millis(),
        })
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&SegmentPath>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let folder = Path::from(prefix.to_string());
        let found = match after {
            Some(after) => self.store.list_with_offset(Some(&folder), &name(after)),
            None => self.store.list(Some(&folder)),
        };
        // Not every store lists in order (a file system doesn't), so the least `limit` names are kept while reading.
        let mut least = std::collections::BTreeMap::new();
        let mut found = found
            .map(|meta| meta.map_err(|error| store_error(prefix, error)))
            .boxed();
        while let Some(meta) = found.try_next().await? {
            let listed = listed(&meta)?;
            least.insert(listed.path.to_string(), listed);
            if least.len() > limit {
                least.pop_last();
            }
        }
        Ok(least.into_values().collect())
    }

    async fn delete(&self, path: &SegmentPath) -> Result<(), StoreError> {
        match self.store.delete(&name(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(store_error(path, error)),
        }
    }
}

fn listed(meta: &ObjectMeta) -> Result<Listed, StoreError> {
    Ok(Listed {
        path: meta.location.as_ref().parse()?,
        bytes: meta.size,
        modified_ms: meta.last_modified.timestamp_millis(),
    })
}
