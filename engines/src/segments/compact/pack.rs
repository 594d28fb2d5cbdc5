//! Packs the frames of a session, each with the base that fits, or alone where that is smaller.
//!
//! **Invariant:** the same frames in the same order give the same bytes.

use std::sync::Arc;

use hindsight_schemas::ids::{ProjectId, SessionId, Tab};

use super::bases::{Bases, Limits};
use super::cut::Cut;
use crate::segments::format::{Compression, FrameEncoder, ObjectWriter, Owner, ZstdError};

/// Where a prefix packs this many times, packing alone is not tried: it would not be better.
const GOOD_RATIO: usize = 20;

pub(super) struct Packer {
    pub(super) project: ProjectId,
    pub(super) session_id: SessionId,
    pub(super) writer: ObjectWriter,
    bases: Bases,
    encoder: FrameEncoder,
}

impl Packer {
    pub(super) fn new(
        project: ProjectId,
        session_id: SessionId,
        writer: ObjectWriter,
        compression: Compression,
        limits: Limits,
    ) -> Self {
        Self {
            project,
            session_id,
            writer,
            bases: Bases::new(limits),
            encoder: FrameEncoder::new(compression),
        }
    }

    /// Whether this keyframe is to be a base.
    pub(super) fn wants_base(&self, url: &str, snapshot_bytes: usize) -> bool {
        self.bases.wants(url, snapshot_bytes)
    }

    /// Packs a frame: the bytes that come next in the object.
    pub(super) fn pack(&mut self, tab: &Tab, cut: Cut) -> Result<Vec<u8>, ZstdError> {
        let base = match cut.base {
            Some(snapshot_bytes) => self.bases.for_base(snapshot_bytes),
            None => self.bases.of(&cut.url),
        };
        let raw = &cut.text.raw;
        let with_base = match base {
            Some(base) => Some((self.encoder.encode(raw, Some(&base.raw))?, base.frame)),
            None => None,
        };
        let (packed, dictionary) = match with_base {
            Some((packed, frame)) if packed.len().saturating_mul(GOOD_RATIO) <= raw.len() => {
                (packed, Some(frame))
            }
            Some((packed, frame)) => {
                let alone = self.encoder.encode(raw, None)?;
                if packed.len() < alone.len() {
                    (packed, Some(frame))
                } else {
                    (alone, None)
                }
            }
            None => (self.encoder.encode(raw, None)?, None),
        };
        let owner = Owner {
            project: self.project.clone(),
            session_id: self.session_id,
            tab: tab.clone(),
        };
        let number = self
            .writer
            .frame(owner, &cut.text, cut.url.clone(), &packed, dictionary);
        if let Some(snapshot_bytes) = cut.base {
            self.bases
                .add(&cut.url, number, Arc::new(cut.text.raw), snapshot_bytes);
        }
        Ok(packed)
    }
}
