//! The seam of the segments engine: objects that are created once, read, listed and deleted; never changed.
//!
//! **Invariants** (pinned by [`super::conformance`] for every implementation): of puts that race for one name exactly
//! one is told `Created`; an object is visible whole or not at all; both answers of a put are durable: what exists
//! also survives a crash. Listing is in the order of names.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use super::path::{PathError, Prefix, SegmentPath};

/// What a create-only put found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Nothing had this name; these bytes have it now.
    Created,
    /// Something has it already and was left as it is.
    Exists,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub path: SegmentPath,
    /// Its size.
    pub bytes: u64,
    /// When it was made, Unix milliseconds, by the store's clock.
    pub modified_ms: i64,
}

/// The last bytes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectTail {
    /// These bytes: all of it if it is shorter than what was asked for.
    pub bytes: Bytes,
    /// The size of the whole object.
    pub object_bytes: u64,
    /// When it was made, Unix milliseconds, by the store's clock.
    pub modified_ms: i64,
}

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No object has the name.
    #[error("object {0} does not exist")]
    NotFound(String),
    /// The disk is full or over quota: free space; the put can be tried again.
    #[error("no space left for object {path}: free some under the segments' folder")]
    Full {
        /// The object.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The folder can't be written: its rights or its mount must be changed.
    #[error("segments can't be written at {path}: it is read-only for this process")]
    ReadOnly {
        /// The object or folder.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The object is shorter than the range that was asked for.
    #[error("object {path} does not have bytes {}..{}", range.start, range.end)]
    Range {
        /// The object.
        path: String,
        /// What was asked for.
        range: Range<u64>,
    },
    /// More than this store takes in one object.
    #[error("object {path} is over the limit of {limit} bytes")]
    TooLarge {
        /// The object.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// The bucket is not there, or not there any more.
    #[error("the segments' bucket does not exist: create it, or correct segments.bucket")]
    NoBucket,
    /// Wrong keys, or keys without the right.
    #[error(
        "segment store refuses {path} ({words}): check segments.access_key and segments.secret_key, and grant the \
         key to list, get, put and delete"
    )]
    Denied {
        /// The object or prefix.
        path: String,
        /// The store's own.
        words: String,
    },
    /// The bucket does not do what evidence needs.
    #[error("bucket {bucket} can't keep segments: {problem}")]
    Unfit {
        /// Which.
        bucket: String,
        /// What it lacks, and what to do.
        problem: String,
    },
    /// A setting that can't be used.
    #[error("{0}")]
    Settings(String),
    /// Something lies among the objects that is none.
    #[error("the store holds a foreign object")]
    Foreign(#[from] PathError),
    /// The engine's own words.
    #[error("segment store failed at {path}")]
    Engine {
        /// The object or folder.
        path: String,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An object on its way: visible only by [`Self::finish`]. Dropped before that, it leaves nothing.
#[async_trait]
pub trait PendingObject: Send {
    /// Adds bytes at its end.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Gives it its name, if that is free. Durable when `Ok`.
    async fn finish(self: Box<Self>) -> Result<Put, StoreError>;
}

/// Keeps objects.
#[async_trait]
pub trait SegmentStore: Send + Sync + 'static {
    /// Makes an object of these bytes, if its name is free. Durable when `Ok`.
    async fn put_create(&self, path: &SegmentPath, bytes: Bytes) -> Result<Put, StoreError> {
        let mut pending = self.create(path).await?;
        pending.write(bytes).await?;
        pending.finish().await
    }

    /// Begins an object that is written piece by piece.
    async fn create(&self, path: &SegmentPath) -> Result<Box<dyn PendingObject>, StoreError>;

    /// All bytes of an object.
    async fn get(&self, path: &SegmentPath) -> Result<Bytes, StoreError>;

    /// Some bytes of an object; fewer than asked is [`StoreError::Range`].
    async fn get_range(&self, path: &SegmentPath, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// The last `bytes` of an object, in one request.
    async fn get_tail(&self, path: &SegmentPath, bytes: u64) -> Result<ObjectTail, StoreError>;

    /// Up to `limit` objects under `prefix` whose names come behind `after`, in the order of names.
    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&SegmentPath>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError>;

    /// Removes an object; one that isn't there is fine.
    async fn delete(&self, path: &SegmentPath) -> Result<(), StoreError>;
}
