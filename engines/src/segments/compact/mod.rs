//! Compaction: the frames of a manifest become one object, the next generation of the session.
//!
//! Frames are cut at keyframes and packed with a base keyframe as prefix. First the data object is made durable, then
//! the create-only claim names it: **a claim never points to nothing.** Whoever claims first wins; a data object
//! without claim goes after grace. What an earlier attempt left at the data object's name is claimed as it is: whatever
//! it lacks, the manifest takes from flush frames. What lies there for longer than [`ADOPTED_WITHIN`] is left to
//! lifecycle, which may remove it at this moment, and the next number is taken. Whether a generation is worth making
//! ([`Manifest::standing`]) is the caller's to ask.
//!
//! **Invariant:** every event of the manifest is in the object once, byte for byte: each batch's checksum is computed
//! again on the way. **Bound:** one source frame, the frame being cut (`frame_bytes`) and the bases, whatever the
//! session's length; the object is written piece by piece.

mod bases;
mod cut;
mod pack;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hindsight_schemas::ids::{BatchId, Seq, Tab};
use hindsight_schemas::record::Layout;
use sha2::Digest as _;

use self::bases::Limits;
use self::cut::{Cut, Cutter};
use self::pack::Packer;
use super::events::piece_text;
use super::flush::MATERIALIZER_VERSION;
use super::footers::{ReadError, dated_footer, footer};
use super::format::{
    Compression, Digest, Footer, FooterError, ObjectWriter, SessionGeneration, ZstdError, claim,
};
use super::frame_id::FrameId;
use super::frames::{FrameReader, blocking};
use super::manifest::{Manifest, TabManifest};
use super::path::{Class, Month, SegmentPath};
use super::store::{PendingObject, Put, SegmentStore, StoreError};
use crate::rrweb::split;

/// A data object without a claim that is older is not claimed any more, so that lifecycle, which gives such objects a
/// longer grace, never removes one that is being claimed.
pub const ADOPTED_WITHIN: Duration = Duration::from_secs(600);
/// Numbers that are tried where old data objects lie in the way.
const NUMBERS_TRIED: u32 = 16;

/// How a session is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactOptions {
    /// How hard to pack (default [`Compression::HOT`]).
    pub compression: Compression,
    /// A frame is cut when it has this much text (default 4 MiB).
    pub frame_bytes: usize,
    /// Larger snapshots are no base (default 8 MiB).
    pub base_bytes: usize,
    /// All bases of a session together (default 24 MiB).
    pub bases_bytes: usize,
}

impl Default for CompactOptions {
    fn default() -> Self {
        Self {
            compression: Compression::HOT,
            frame_bytes: 4 << 20,
            base_bytes: 8 << 20,
            bases_bytes: 24 << 20,
        }
    }
}

/// How long the object is kept: part of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The retention class.
    pub class: Class,
    /// The month in which the last of it expires.
    pub month: Month,
}

/// Why there is no new generation.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// Frames are known to be damaged: a generation without them would hide that they ever were.
    #[error("session has damaged frames, the first is {0}: restore the object or keep the session as it is")]
    Damaged(FrameId),
    /// A frame can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store refused or did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The events that are stored are not those that were hashed at the edge.
    #[error("events of batch {0} differ from what was received: their checksum is another")]
    Content(BatchId),
    /// Data objects that nobody claimed lie where this one should.
    #[error(
        "data objects of {tried} generations from {first} on have no claim: lifecycle removes them after its grace"
    )]
    InTheWay {
        /// The first number.
        first: u32,
        /// How many were tried.
        tried: u32,
    },
    /// Packing failed.
    #[error("a frame can't be packed")]
    Pack(#[from] ZstdError),
    /// The footer can't be made.
    #[error("the footer can't be made")]
    Footer(#[from] FooterError),
}

/// The new generation.
#[derive(Debug, Clone)]
pub struct Compacted {
    /// The footer of the claim that stands.
    pub claim: Footer,
    /// Whether this call made the claim; else another compactor was first.
    pub claimed: Put,
}

/// Writes the next generation of a session.
pub async fn compact(
    store: Arc<dyn SegmentStore>,
    manifest: Arc<Manifest>,
    keep: &Keep,
    options: CompactOptions,
) -> Result<Compacted, CompactError> {
    if let Some(frame) = manifest.unreadable.first() {
        return Err(CompactError::Damaged(*frame));
    }
    let (project, session) = (manifest.project.clone(), manifest.session_id);
    let (data, generation) = data(&store, &manifest, keep, options).await?;
    let claim_path = SegmentPath::Claim {
        project,
        session,
        generation,
    };
    let (bytes, made) = claim(&data)?;
    match store.put_create(&claim_path, bytes.into()).await? {
        Put::Created => Ok(Compacted {
            claim: made,
            claimed: Put::Created,
        }),
        Put::Exists => Ok(Compacted {
            claim: footer(&*store, &claim_path).await?,
            claimed: Put::Exists,
        }),
    }
}

/// The footer of a data object that can be claimed, and the generation that it is of.
async fn data(
    store: &Arc<dyn SegmentStore>,
    manifest: &Arc<Manifest>,
    keep: &Keep,
    options: CompactOptions,
) -> Result<(Footer, u32), CompactError> {
    let first = manifest.generation().saturating_add(1);
    for generation in (first..).take(NUMBERS_TRIED as usize) {
        let path = SegmentPath::Data {
            class: keep.class.clone(),
            month: keep.month,
            project: manifest.project.clone(),
            session: manifest.session_id,
            generation,
        };
        if let (Put::Created, data) = write_data(store, manifest, &path, generation, options).await? {
            return Ok((data, generation));
        }
        let left = dated_footer(&**store, &path).await?;
        if unix_ms().saturating_sub(left.modified_ms) < ADOPTED_WITHIN.as_millis() as i64 {
            return Ok((left.footer, generation));
        }
    }
    Err(CompactError::InTheWay {
        first,
        tried: NUMBERS_TRIED,
    })
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

async fn write_data(
    store: &Arc<dyn SegmentStore>,
    manifest: &Arc<Manifest>,
    path: &SegmentPath,
    generation: u32,
    options: CompactOptions,
) -> Result<(Put, Footer), CompactError> {
    let (project, session_id) = (manifest.project.clone(), manifest.session_id);
    let session = SessionGeneration {
        project: project.clone(),
        session_id,
        generation,
        data_path: path.to_string(),
    };
    let mut writer = ObjectWriter::data(MATERIALIZER_VERSION, session);
    for batch in manifest.tabs.iter().flat_map(|tab| tab.batches.values()) {
        writer.batch(batch.clone());
    }
    writer.conflicts(manifest.conflicts.clone());

    let mut object = store.create(path).await?;
    object.write(Bytes::copy_from_slice(&writer.header())).await?;
    let limits = Limits {
        base_bytes: options.base_bytes,
        all_bytes: options.bases_bytes,
    };
    let mut packer = Packer::new(project, session_id, writer, options.compression, limits);
    let mut reader = FrameReader::new(store.clone(), manifest.clone());
    for tab in &manifest.tabs {
        packer = write_tab(&mut reader, tab, packer, &mut *object, options.frame_bytes).await?;
    }
    let (tail, footer) = packer.writer.finish()?;
    object.write(tail.into()).await?;
    Ok((object.finish().await?, footer))
}

async fn write_tab(
    reader: &mut FrameReader,
    tab: &TabManifest,
    mut packer: Packer,
    object: &mut dyn PendingObject,
    frame_bytes: usize,
) -> Result<Packer, CompactError> {
    let mut cutter = Cutter::new(frame_bytes);
    let mut check = BatchCheck { tab, open: None };
    for piece in &tab.plan {
        let text = piece_text(reader, piece).await?;
        check.add(piece.run.seq, &text)?;
        for (index, event) in (piece.run.index..).zip(split(&text, Layout::JsonLines)) {
            cutter.push(piece.run.seq, index, event, |url, bytes| {
                packer.wants_base(url, bytes)
            });
            // A base is needed for what comes next, and nothing that is cut waits.
            for cut in cutter.take() {
                packer = write_frame(packer, &tab.tab, cut, object).await?;
            }
        }
    }
    check.close()?;
    for cut in cutter.finish() {
        packer = write_frame(packer, &tab.tab, cut, object).await?;
    }
    Ok(packer)
}

async fn write_frame(
    mut packer: Packer,
    tab: &Tab,
    cut: Cut,
    object: &mut dyn PendingObject,
) -> Result<Packer, CompactError> {
    let tab = tab.clone();
    let (packer, packed) = blocking(move || {
        let packed = packer.pack(&tab, cut);
        (packer, packed)
    })
    .await;
    object.write(packed?.into()).await?;
    Ok(packer)
}

/// Computes each batch's checksum again from the texts that go into the new object.
struct BatchCheck<'a> {
    tab: &'a TabManifest,
    open: Option<(Seq, sha2::Sha256)>,
}

impl BatchCheck<'_> {
    fn add(&mut self, seq: Seq, text: &[u8]) -> Result<(), CompactError> {
        if self.open.as_ref().is_some_and(|(open, _)| *open != seq) {
            self.close()?;
        }
        self.open
            .get_or_insert_with(|| (seq, sha2::Sha256::new()))
            .1
            .update(text);
        Ok(())
    }

    fn close(&mut self) -> Result<(), CompactError> {
        let Some((seq, hasher)) = self.open.take() else {
            return Ok(());
        };
        let found = Digest(hasher.finalize().into());
        match self.tab.batches.get(&seq) {
            Some(batch) if batch.content_sha256 != found => Err(CompactError::Content(batch.id())),
            _ => Ok(()),
        }
    }
}
