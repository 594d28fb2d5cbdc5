//! How some batches of a session are stored: as a player would find them, without what else there is of the session.
//!
//! **Invariant:** a batch that is told whole had, now, the bytes that were written; what was found whole before is looked at
//! again. A flush frame counts only if the index names it. **Failure:** as for a manifest ([`super`]): what is gone is asked for once more. **Bound:** the newest claim, and
//! the flush objects of these batches.

use std::collections::{BTreeMap, BTreeSet};

use hindsight_schemas::ids::{Position, ProjectId, Seq, SessionId, Tab};

use super::index::IndexedBatch;
use super::{Objects, ReplayError, ReplayIndex};
use crate::segments::format::Digest;
use crate::segments::{FrameId, Manifest, ManifestError, ManifestFrame, Sources, check_frames};

/// How a batch is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredBatch {
    /// It can be played.
    Whole {
        /// Where the copy that counts lies in the log.
        position: Position,
        /// The checksum of its events.
        content_sha256: Digest,
    },
    /// No copy of it can be read.
    Unreadable,
}

/// By tab and number; what is stored nowhere is not in it.
pub type StoredBatches = BTreeMap<(Tab, Seq), StoredBatch>;

impl ReplayIndex {
    /// Finds these batches of a session, and looks at the bytes of their frames.
    pub async fn batches(
        &self,
        project: &ProjectId,
        session: SessionId,
        wanted: &[(Tab, Seq)],
    ) -> Result<StoredBatches, ReplayError> {
        let objects = self.objects_of(project, session, wanted).await?;
        if !objects.gone
            && let Some(found) = self.looked_at(project, session, &objects, wanted, false).await?
        {
            return Ok(found);
        }
        let objects = self.objects_of(project, session, wanted).await?;
        let found = self.looked_at(project, session, &objects, wanted, true).await?;
        Ok(found.unwrap_or_default())
    }

    async fn objects_of(
        &self,
        project: &ProjectId,
        session: SessionId,
        wanted: &[(Tab, Seq)],
    ) -> Result<Objects, ReplayError> {
        let mut objects = Objects::default();
        self.newest_claim(project, session, &mut objects).await?;
        let indexed = self.index.flush_objects_of(project, session, wanted).await?;
        let names: BTreeSet<&str> = indexed.iter().map(|batch| batch.object.as_str()).collect();
        let paths = names.into_iter().map(str::parse).collect::<Result<_, _>>();
        let paths = paths.map_err(ManifestError::Path)?;
        self.flush_frames(project, session, paths, &mut objects).await?;
        // An object may be named for another batch alone.
        objects.flush.retain(|frame| {
            indexed.contains(&IndexedBatch {
                object: frame.object.clone(),
                tab: frame.batch.tab.clone(),
                seq: frame.batch.seq,
            })
        });
        Ok(objects)
    }

    /// `None` if something is gone and that is not final yet.
    async fn looked_at(
        &self,
        project: &ProjectId,
        session: SessionId,
        objects: &Objects,
        wanted: &[(Tab, Seq)],
        gone_is_lost: bool,
    ) -> Result<Option<StoredBatches>, ReplayError> {
        let lost = self.index.lost(project, session, &objects.unreadable).await?;
        let mut unreadable = BTreeSet::new();
        loop {
            let sources = Sources {
                generation: objects.generation.clone(),
                flush: &objects.flush,
                closed: false,
                unreadable: unreadable.clone(),
                lost: &lost,
            };
            let Some(manifest) = Manifest::of(sources)? else {
                return Ok(Some(StoredBatches::new()));
            };
            let found = check_frames(&*self.segments, frames(&manifest, wanted, &unreadable)).await?;
            if !found.gone.is_empty() && !gone_is_lost {
                return Ok(None);
            }
            if found.damaged.is_empty() && found.gone.is_empty() {
                return Ok(Some(told(&manifest, wanted)));
            }
            unreadable.extend(found.damaged);
            unreadable.extend(found.gone);
        }
    }
}

/// What has to be whole for these batches, each frame once.
fn frames(manifest: &Manifest, wanted: &[(Tab, Seq)], unreadable: &BTreeSet<FrameId>) -> Vec<ManifestFrame> {
    let needed = wanted
        .iter()
        .flat_map(|(tab, seq)| manifest.needed_by(tab, *seq))
        .filter(|frame| !unreadable.contains(&frame.id));
    let each: BTreeMap<FrameId, ManifestFrame> = needed.map(|frame| (frame.id, frame)).collect();
    each.into_values().collect()
}

fn told(manifest: &Manifest, wanted: &[(Tab, Seq)]) -> StoredBatches {
    let found = wanted.iter().filter_map(|(tab, seq)| {
        let of_tab = manifest.tab(tab)?;
        let stored = match of_tab.batches.get(seq) {
            Some(batch) => StoredBatch::Whole {
                position: batch.position,
                content_sha256: batch.content_sha256,
            },
            None => of_tab.lost.get(seq).map(|_| StoredBatch::Unreadable)?,
        };
        Some(((tab.clone(), *seq), stored))
    });
    found.collect()
}
