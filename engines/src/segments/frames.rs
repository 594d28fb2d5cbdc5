//! Fetches and unpacks frames of a manifest.
//!
//! **Bound:** unpacked frames that may be asked for again (mostly dictionaries) are kept up to [`KEPT_BYTES`]; the one
//! asked for last always. **Failure:** a missing object (compacted meanwhile) is [`ReadError::is_not_found`]: read the
//! manifest again; a damaged frame names itself.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::footers::ReadError;
use super::format::{Compression, Digest, FormatError, FrameEncoder, FrameProblem, read_frame};
use super::frame_id::FrameId;
use super::manifest::{Manifest, ManifestFrame};
use super::store::SegmentStore;

/// Unpacked bytes that a reader keeps (default 32 MiB).
pub const KEPT_BYTES: usize = 32 << 20;

/// The start of a `dcz` body (RFC 9842, section 5), before the dictionary's SHA-256.
const DCZ_MAGIC: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0x00, 0x00, 0x00];

/// Reads frames of one session.
pub struct FrameReader {
    store: Arc<dyn SegmentStore>,
    manifest: Arc<Manifest>,
    kept: VecDeque<(FrameId, Bytes)>,
    kept_bytes: usize,
}

/// A frame as it can be sent.
#[derive(Debug, Clone)]
pub enum Encoded {
    /// A zstd frame that stands alone.
    Zstd(Bytes),
    /// A `dcz` body; the dictionary is the unpacked frame of this name.
    Dcz(Bytes, FrameId),
}

impl FrameReader {
    /// Of the session of this manifest.
    pub fn new(store: Arc<dyn SegmentStore>, manifest: Arc<Manifest>) -> Self {
        Self {
            store,
            manifest,
            kept: VecDeque::new(),
            kept_bytes: 0,
        }
    }

    /// The manifest.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// The unpacked bytes of a frame: each event as sent plus a line feed.
    pub async fn raw(&mut self, frame: &ManifestFrame) -> Result<Bytes, ReadError> {
        if let Some((_, raw)) = self.kept.iter().find(|(id, _)| *id == frame.id) {
            return Ok(raw.clone());
        }
        // Dictionaries lie before the frames that use them, so the chain ends.
        let mut chain = vec![frame.clone()];
        while let Some(dictionary) = self.dictionary(&chain[chain.len() - 1])? {
            chain.push(dictionary);
        }
        let mut prefix: Option<Bytes> = None;
        for link in chain.iter().rev() {
            let kept = self
                .kept
                .iter()
                .find(|(id, _)| *id == link.id)
                .map(|(_, raw)| raw.clone());
            let raw = match kept {
                Some(raw) => raw,
                None => self.fetch(link, prefix).await?,
            };
            prefix = Some(raw);
        }
        Ok(prefix.unwrap_or_default())
    }

    /// A frame as stored if it stands alone; else as `dcz` where the client has the dictionary, or packed anew.
    pub async fn encoded(
        &mut self,
        frame: &ManifestFrame,
        has_dictionary: bool,
    ) -> Result<Encoded, ReadError> {
        let stored = self.stored(frame).await?;
        let Some(dictionary) = self.dictionary(frame)? else {
            return Ok(Encoded::Zstd(stored));
        };
        if has_dictionary {
            let id = dictionary.id;
            let digest = Digest::of(&self.raw(&dictionary).await?);
            let mut body = BytesMut::with_capacity(DCZ_MAGIC.len() + digest.0.len() + stored.len());
            body.put_slice(&DCZ_MAGIC);
            body.put_slice(&digest.0);
            body.put_slice(&stored);
            return Ok(Encoded::Dcz(body.freeze(), id));
        }
        let raw = self.raw(frame).await?;
        let packed = blocking(move || FrameEncoder::new(Compression::HOT).encode(&raw, None)).await;
        packed
            .map(|packed| Encoded::Zstd(packed.into()))
            .map_err(|error| damaged(frame, FrameProblem::Unpack(error)))
    }

    async fn stored(&self, frame: &ManifestFrame) -> Result<Bytes, ReadError> {
        stored(&*self.store, frame).await
    }

    fn dictionary(&self, frame: &ManifestFrame) -> Result<Option<ManifestFrame>, ReadError> {
        let Some(number) = frame.described.dictionary else {
            return Ok(None);
        };
        let dictionary = self.manifest.dictionary_of(frame);
        dictionary
            .map(Some)
            .ok_or_else(|| damaged(frame, FrameProblem::Dictionary(number)))
    }

    async fn fetch(&mut self, frame: &ManifestFrame, prefix: Option<Bytes>) -> Result<Bytes, ReadError> {
        let stored = self
            .store
            .get_range(&frame.object, frame.described.range())
            .await?;
        let described = frame.described.clone();
        let raw = blocking(move || read_frame(&described, &stored, prefix.as_deref())).await;
        let raw = Bytes::from(raw.map_err(|problem| damaged(frame, problem))?);
        self.keep(frame.id, raw.clone());
        Ok(raw)
    }

    fn keep(&mut self, id: FrameId, raw: Bytes) {
        self.kept_bytes += raw.len();
        self.kept.push_back((id, raw));
        while self.kept_bytes > KEPT_BYTES && self.kept.len() > 1 {
            if let Some((_, dropped)) = self.kept.pop_front() {
                self.kept_bytes -= dropped.len();
            }
        }
    }
}

/// The stored bytes of a frame, if they are those that were written.
pub(super) async fn stored(store: &dyn SegmentStore, frame: &ManifestFrame) -> Result<Bytes, ReadError> {
    let stored = store.get_range(&frame.object, frame.described.range()).await?;
    if Digest::of(&stored) == frame.described.sha256 {
        Ok(stored)
    } else {
        Err(damaged(frame, FrameProblem::Checksum))
    }
}

/// Packing and unpacking take milliseconds: not on the threads that serve.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work)
        .await
        .map_err(tokio::task::JoinError::try_into_panic)
    {
        Ok(value) => value,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is going away, and whoever waits here with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

fn damaged(frame: &ManifestFrame, problem: FrameProblem) -> ReadError {
    let (FrameId::Generation { frame: number, .. } | FrameId::Flush { frame: number, .. }) = frame.id;
    FormatError::Frame {
        object: frame.object.to_string(),
        frame: number,
        problem,
    }
    .into()
}
