//! Segments over any `object_store`: S3 and its kin, or memory in tests. Create-only puts are conditional puts.
//!
//! A small object is one conditional put. A larger one is uploaded in parts under a scratch name and then copied to
//! its own, if that is free: nothing half-written ever has a name. **Failure:** a put that is not finished leaves its
//! scratch object or parts, which the next [`super::s3`] open, or a lifecycle rule of the bucket, removes. A put whose
//! answer was lost may find its own object and say `Exists`. **Bounds:** [`PART_BYTES`] of an object in memory,
//! [`MAX_OBJECT_BYTES`] an object, [`PUT_ATTEMPTS`].

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutOptions, PutPayload,
};
use uuid::Uuid;

use super::path::{Prefix, SegmentPath};
use super::store::{Listed, ObjectTail, PendingObject, Put, SegmentStore, StoreError};

/// What one object may have: a copy within S3 takes 5 GiB.
pub const MAX_OBJECT_BYTES: u64 = 4 << 30;
/// Bytes of one part; smaller objects are put whole.
pub const PART_BYTES: usize = 16 << 20;
/// Where objects lie that have no name yet.
pub(super) const SCRATCH: &str = ".scratch";
/// How often a put is tried that another put made fail without creating anything (S3's 409).
const PUT_ATTEMPTS: u32 = 5;
const PUT_PAUSE: Duration = Duration::from_millis(100);

/// Objects of an `object_store`.
#[derive(Debug, Clone)]
pub struct ObjectSegments {
    store: Arc<dyn ObjectStore>,
    /// The store lists by name, so a list can end at its limit.
    in_order: bool,
}

impl ObjectSegments {
    /// Over this store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            in_order: false,
        }
    }

    /// Over a store that lists in the order of names.
    pub(super) fn in_order(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            in_order: true,
        }
    }

    /// One conditional put.
    async fn put_whole(&self, name: &Path, payload: PutPayload) -> Result<Put, object_store::Error> {
        let put = || {
            let options = PutOptions {
                mode: PutMode::Create,
                ..PutOptions::default()
            };
            let (store, payload) = (self.store.clone(), payload.clone());
            async move { store.put_opts(name, payload, options).await.map(drop) }
        };
        self.decide(name, put).await
    }

    /// Gives a scratch object its name.
    async fn publish(&self, scratch: &Path, name: &Path) -> Result<Put, object_store::Error> {
        let copy = || {
            let options = CopyOptions::new().with_mode(CopyMode::Create);
            let store = self.store.clone();
            async move { store.copy_opts(scratch, name, options).await }
        };
        self.decide(name, copy).await
    }

    /// S3 answers 412 where the name is taken, and 409 where another put was on its way, which may have failed
    /// since: only an object that is there means `Exists`.
    async fn decide<F, Fut>(&self, name: &Path, create: F) -> Result<Put, object_store::Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), object_store::Error>>,
    {
        let mut attempt = 1;
        loop {
            let refused = match create().await {
                Ok(()) => return Ok(Put::Created),
                Err(
                    error @ (object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. }),
                ) => error,
                Err(other) => return Err(other),
            };
            match self.store.head(name).await {
                Ok(_) => return Ok(Put::Exists),
                Err(object_store::Error::NotFound { .. }) if attempt < PUT_ATTEMPTS => {
                    tokio::time::sleep(PUT_PAUSE * attempt).await;
                    attempt += 1;
                }
                Err(object_store::Error::NotFound { .. }) => return Err(refused),
                Err(other) => return Err(other),
            }
        }
    }
}

fn name(path: &SegmentPath) -> Path {
    Path::from(path.to_string())
}

/// What S3 and its kin say to wrong keys and missing rights; a list says it only in words.
const DENIALS: [&str; 6] = [
    "403 Forbidden",
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];
/// Bytes of the store's words that are kept.
const WORDS: usize = 500;

/// Sorts an error of `object_store`.
pub(super) fn store_error(path: &dyn std::fmt::Display, error: object_store::Error) -> StoreError {
    let path = path.to_string();
    let mut words = chain(&error);
    words.truncate(words.floor_char_boundary(WORDS));
    match error {
        // A missing bucket must not read as a missing object: absence means something here.
        _ if words.contains("NoSuchBucket") => StoreError::NoBucket,
        object_store::Error::NotFound { .. } => StoreError::NotFound(path),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            StoreError::Denied { path, words }
        }
        _ if DENIALS.iter().any(|denial| words.contains(denial)) => StoreError::Denied { path, words },
        other => StoreError::Engine {
            path,
            source: Box::new(other),
        },
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

struct Pending {
    objects: ObjectSegments,
    path: SegmentPath,
    /// What no part was made of yet, less than [`PART_BYTES`] between two writes.
    held: VecDeque<Bytes>,
    held_bytes: usize,
    bytes: u64,
    upload: Option<Upload>,
}

/// Parts on their way to a scratch name.
struct Upload {
    scratch: Path,
    parts: Box<dyn MultipartUpload>,
}

impl Pending {
    /// Sends what is held, of which `bytes` make the part.
    async fn send_part(&mut self, bytes: usize) -> Result<(), object_store::Error> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let scratch = Path::from_iter([SCRATCH, &Uuid::new_v4().to_string()]);
                let parts = self.objects.store.put_multipart(&scratch).await?;
                none.insert(Upload { scratch, parts })
            }
        };
        let (mut part, mut left) = (Vec::new(), bytes);
        while let Some(mut piece) = self.held.pop_front() {
            if piece.len() > left {
                self.held.push_front(piece.split_off(left));
            }
            left -= piece.len();
            part.push(piece);
            if left == 0 {
                break;
            }
        }
        self.held_bytes -= bytes;
        upload.parts.put_part(PutPayload::from_iter(part)).await
    }

    async fn finish_upload(&mut self) -> Result<Put, object_store::Error> {
        if self.held_bytes > 0 {
            self.send_part(self.held_bytes).await?;
        }
        let upload = self.upload.as_mut().expect("only called with an upload");
        upload.parts.complete().await?;
        let scratch = upload.scratch.clone();
        self.upload = None;
        let put = self.objects.publish(&scratch, &name(&self.path)).await;
        if let Err(error) = self.objects.store.delete(&scratch).await {
            tracing::warn!(%scratch, %error, "scratch object is left to the next start");
        }
        put
    }
}

impl Drop for Pending {
    /// What was begun and not finished is taken back, as far as there is time; the bucket's rules do the rest.
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { upload.parts.abort().await });
        }
    }
}

#[async_trait]
impl PendingObject for Pending {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > MAX_OBJECT_BYTES {
            return Err(StoreError::TooLarge {
                path: self.path.to_string(),
                limit: MAX_OBJECT_BYTES,
            });
        }
        self.held_bytes += bytes.len();
        self.held.push_back(bytes);
        while self.held_bytes >= PART_BYTES {
            let sent = self.send_part(PART_BYTES).await;
            sent.map_err(|error| store_error(&self.path, error))?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Put, StoreError> {
        let put = if self.upload.is_some() {
            self.finish_upload().await
        } else {
            let payload = PutPayload::from_iter(std::mem::take(&mut self.held));
            self.objects.put_whole(&name(&self.path), payload).await
        };
        put.map_err(|error| store_error(&self.path, error))
    }
}

#[async_trait]
impl SegmentStore for ObjectSegments {
    async fn create(&self, path: &SegmentPath) -> Result<Box<dyn PendingObject>, StoreError> {
        Ok(Box::new(Pending {
            objects: self.clone(),
            path: path.clone(),
            held: VecDeque::new(),
            held_bytes: 0,
            bytes: 0,
            upload: None,
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
        let found = match self.store.get_opts(&name(path), options).await {
            Err(error @ object_store::Error::NotFound { .. }) => return Err(wrap(error)),
            // S3 has no last bytes of an empty object.
            Err(error) => {
                let meta = self.store.head(&name(path)).await.map_err(wrap)?;
                return match meta.size {
                    0 => Ok(ObjectTail {
                        bytes: Bytes::new(),
                        object_bytes: 0,
                        modified_ms: meta.last_modified.timestamp_millis(),
                    }),
                    _ => Err(wrap(error)),
                };
            }
            Ok(found) => found,
        };
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
        // A file system doesn't list in order, so there the least `limit` names are kept while reading.
        let mut least = std::collections::BTreeMap::new();
        let mut found = found
            .map(|meta| meta.map_err(|error| store_error(prefix, error)))
            .boxed();
        while let Some(meta) = found.try_next().await? {
            let listed = listed(&meta)?;
            least.insert(listed.path.to_string(), listed);
            if least.len() == limit && self.in_order {
                break;
            }
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
