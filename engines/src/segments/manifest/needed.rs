//! Which frames must be whole for a session, or for one batch, to be read.

use std::collections::BTreeMap;

use hindsight_schemas::ids::{Seq, Tab};

use super::{Manifest, ManifestFrame};
use crate::segments::frame_id::FrameId;

impl Manifest {
    /// Every frame that has to be whole for all of it to be read: those of the plan, and their dictionaries.
    pub fn needed(&self) -> Vec<ManifestFrame> {
        self.with_dictionaries(self.frames.clone())
    }

    /// The same for one batch.
    pub fn needed_by(&self, tab: &Tab, seq: Seq) -> Vec<ManifestFrame> {
        let pieces = self.tab(tab).map_or(&[][..], |tab| &tab.plan);
        let of_batch = pieces.iter().filter(|piece| piece.run.seq == seq);
        let frames = of_batch.filter_map(|piece| self.frames.get(piece.frame));
        self.with_dictionaries(frames.cloned().collect())
    }

    fn with_dictionaries(&self, mut asked: Vec<ManifestFrame>) -> Vec<ManifestFrame> {
        let mut needed: BTreeMap<FrameId, ManifestFrame> = BTreeMap::new();
        while let Some(frame) = asked.pop() {
            asked.extend(self.dictionary_of(&frame));
            // A dictionary lies before what needs it, so this ends.
            needed.insert(frame.id, frame);
        }
        needed.into_values().collect()
    }

    /// The frame whose unpacked bytes are this frame's dictionary, as the generation's footer describes it.
    pub(in super::super) fn dictionary_of(&self, frame: &ManifestFrame) -> Option<ManifestFrame> {
        let number = frame.described.dictionary?;
        let footer = self.generation.as_ref()?;
        let described = footer.frames.get(number as usize)?;
        match FrameId::of(&frame.object, number)? {
            id @ FrameId::Generation { .. } if described.offset < frame.described.offset => {
                Some(ManifestFrame {
                    id,
                    object: frame.object.clone(),
                    described: described.clone(),
                })
            }
            _ => None,
        }
    }
}
