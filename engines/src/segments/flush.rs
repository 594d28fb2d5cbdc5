//! The flush object: the frames of one range of one partition, many sessions.
//!
//! **Invariant:** a frame is one batch and depends on that record only, so every cut of the same records gives the same
//! union of frames. A second put under one name changes nothing: **the stored footer wins**, and index rows are always
//! made from it. **Bound:** the object of a range is made in memory; lanes cut ranges by bytes.

use std::collections::BTreeSet;

use bytes::Bytes;
use hindsight_schemas::ids::{BatchId, Offset, Position, ProjectId, SessionId};
use hindsight_schemas::record::RecordingBatch;
use serde::{Deserialize, Serialize};

use super::footers::{ReadError, footer};
use super::format::{
    Batch, Compression, Digest, Footer, FooterError, Frame, FrameEncoder, FrameText, LogRange, ObjectWriter,
    Owner, ZstdError,
};
use super::path::SegmentPath;
use super::store::{Put, SegmentStore, StoreError};
use crate::rrweb::{EventHead, InflateError, inflate, split};

/// The version of what this file and `format` make of a record: part of each footer.
pub const MATERIALIZER_VERSION: u32 = 1;

/// How flush frames are packed: fast and alone; compaction packs them again.
const COMPRESSION: Compression = Compression {
    level: 1,
    long_distance: false,
};

/// Why a batch has no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Its body does not inflate: blames the record.
    #[error("body of batch {batch} can't be read")]
    Body {
        /// Which.
        batch: BatchId,
        /// Why.
        #[source]
        source: InflateError,
    },
    /// Its events are not those that the edge hashed: blames the record.
    #[error("batch {batch} holds {found} bytes of events whose checksum is not the one the edge stamped")]
    Content {
        /// Which.
        batch: BatchId,
        /// Bytes of the events' texts.
        found: usize,
    },
    /// The compressor failed.
    #[error("batch {batch} can't be packed")]
    Pack {
        /// Which.
        batch: BatchId,
        /// zstd's words.
        #[source]
        source: ZstdError,
    },
}

/// Why a flush object is not stored.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The store refused or did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored there can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Other records lie under this name: the log's offsets mean something else than they did. The lane stops.
    #[error("log identity changed: object {path} holds other records ({difference})")]
    IdentityChanged {
        /// The object.
        path: String,
        /// The first difference.
        difference: String,
    },
}

/// Makes the object of one range.
pub struct FlushBuilder {
    writer: ObjectWriter,
    encoder: FrameEncoder,
    bytes: Vec<u8>,
}

/// A flush object, ready to be put.
#[derive(Debug, Clone)]
pub struct FlushObject {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its footer.
    pub footer: Footer,
}

impl FlushBuilder {
    /// For the records of this range.
    pub fn new(range: LogRange) -> Self {
        let writer = ObjectWriter::flush(MATERIALIZER_VERSION, range);
        let bytes = writer.header().to_vec();
        Self {
            writer,
            encoder: FrameEncoder::new(COMPRESSION),
            bytes,
        }
    }

    /// Adds the frame of a batch. After an error the object is as it was.
    pub fn push(
        &mut self,
        batch: &RecordingBatch,
        position: Position,
        inflated_limit: usize,
    ) -> Result<(), FrameError> {
        let id = batch.id();
        let body = inflate(batch.codec, &batch.body, inflated_limit).map_err(|source| FrameError::Body {
            batch: id.clone(),
            source,
        })?;
        let mut text = FrameText::default();
        // As long as the body and one line feed, where events stand apart by one byte.
        text.raw.reserve(body.len() + 1);
        for (index, event) in (0..).zip(split(&body, batch.layout)) {
            text.push(batch.seq, index, event, EventHead::of(event).as_ref());
        }
        let digest = Digest::of(&text.raw);
        if digest.0[..] != batch.content_sha256[..] {
            return Err(FrameError::Content {
                batch: id,
                found: text.raw.len(),
            });
        }
        let packed = self
            .encoder
            .encode(&text.raw, None)
            .map_err(|source| FrameError::Pack { batch: id, source })?;
        let owner = Owner {
            project: batch.project.clone(),
            session_id: batch.session_id,
            tab: batch.tab.clone(),
        };
        let url = text.url.clone();
        self.writer.frame(owner, &text, url, &packed, None);
        self.writer.batch(Batch::of(batch, position, digest));
        self.bytes.extend_from_slice(&packed);
        Ok(())
    }

    /// The whole object.
    pub fn finish(mut self) -> Result<FlushObject, FooterError> {
        let (tail, footer) = self.writer.finish()?;
        self.bytes.extend_from_slice(&tail);
        Ok(FlushObject {
            bytes: self.bytes.into(),
            footer,
        })
    }
}

/// Stores a flush object under its name. Whatever was stored there first counts: the answer is its footer. What it
/// holds must be what `object` holds, save for sessions that `erased` tells of.
pub async fn put_flush(
    store: &dyn SegmentStore,
    path: &SegmentPath,
    object: &FlushObject,
    erased: &(dyn Fn(&ProjectId, SessionId) -> bool + Sync),
) -> Result<(Put, Footer), FlushError> {
    if store.put_create(path, object.bytes.clone()).await? == Put::Created {
        return Ok((Put::Created, object.footer.clone()));
    }
    let stored = footer(store, path).await?;
    match difference(&stored, &object.footer, erased) {
        None => Ok((Put::Exists, stored)),
        Some(difference) => Err(FlushError::IdentityChanged {
            path: path.to_string(),
            difference,
        }),
    }
}

fn difference(
    stored: &Footer,
    ours: &Footer,
    erased: &dyn Fn(&ProjectId, SessionId) -> bool,
) -> Option<String> {
    if stored.range != ours.range {
        return Some(format!("range {:?} instead of {:?}", stored.range, ours.range));
    }
    let identities = |footer: &Footer| -> BTreeSet<(Offset, String, Digest)> {
        let kept = footer
            .batches
            .iter()
            .filter(|batch| !erased(&batch.project, batch.session_id));
        kept.map(|batch| {
            (
                batch.position.offset,
                batch.id().to_string(),
                batch.content_sha256,
            )
        })
        .collect()
    };
    let (stored, ours) = (identities(stored), identities(ours));
    stored
        .symmetric_difference(&ours)
        .next()
        .map(|(offset, batch, content)| format!("offset {offset}, batch {batch}, content {content}"))
}

/// A frame of a flush object with the batch that it holds: what an index keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlushFrame {
    /// The object's name.
    pub object: String,
    /// The frame's number in it.
    pub frame: u32,
    /// What the frame holds.
    pub described: Frame,
    /// The batch.
    pub batch: Batch,
}

/// The frames of a flush object, by its stored footer.
pub fn flush_frames(path: &SegmentPath, footer: &Footer) -> Vec<FlushFrame> {
    let object = path.to_string();
    (0..)
        .zip(footer.frames.iter().zip(&footer.batches))
        .map(|(frame, (described, batch))| FlushFrame {
            object: object.clone(),
            frame,
            described: described.clone(),
            batch: batch.clone(),
        })
        .collect()
}
