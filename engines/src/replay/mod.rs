//! What a session consists of, asked of two engines: the replay index (ClickHouse) names flush objects, the
//! segment store has claims and footers; together they give the manifest.
//!
//! **Invariants:** the newest claim plus every flush frame that the index names: a late batch shows at once, and a stale
//! index row hides nothing. What a manifest calls readable was looked at: damage is a gap before anybody plays it.
//! **Failure:** an object that is gone (a compactor was quicker) makes the reader ask again, once; what is still gone
//! then, or damaged, is read from another copy or told as gap. **Bounds:** [`MAX_FLUSH_OBJECTS`] footers a session,
//! [`FOOTERS_AT_ONCE`] read at a time, [`FOOTERS_KEPT`] kept; a claim is looked for among the newest [`CLAIMS_TRIED`].

mod batches;
mod index;
mod known_whole;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, StreamExt};
use hindsight_schemas::ids::{ProjectId, SessionId};

pub use self::batches::{StoredBatch, StoredBatches};
use self::index::Index;
pub use self::index::MAX_FLUSH_OBJECTS;
use self::known_whole::KnownWhole;
use crate::analytics::{Analytics, QueryError};
use crate::segments::format::Footer;
use crate::segments::{
    FlushFrame, LostBatch, Manifest, ManifestError, ReadError, SegmentPath, SegmentStore, Sources,
    StoreError, check_frames, claims_of, flush_frames, footer,
};

/// Footers that are read at the same time.
const FOOTERS_AT_ONCE: usize = 16;
/// Footers of flush objects that are kept: neighbouring sessions share them.
const FOOTERS_KEPT: usize = 256;
/// Older generations that are tried where the newest can't be read.
const CLAIMS_TRIED: usize = 8;

/// Why a session's parts can't be told.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The index does not answer.
    #[error("replay index: {0}")]
    Index(#[from] QueryError),
    /// The segment store does not answer.
    #[error("segments: {0}")]
    Store(#[from] StoreError),
    /// An object can't be read.
    #[error("segments: {0}")]
    Read(#[from] ReadError),
    /// Index and objects contradict each other.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Tells what sessions consist of.
pub struct ReplayIndex {
    index: Index,
    segments: Arc<dyn SegmentStore>,
    kept: Mutex<VecDeque<(SegmentPath, Arc<Footer>)>>,
    whole: Mutex<KnownWhole>,
}

/// What the objects of a session say.
#[derive(Default)]
struct Objects {
    /// The footer of the newest generation that can be read.
    generation: Option<Arc<Footer>>,
    /// Whether there is any claim, readable or not.
    claimed: bool,
    flush: Vec<FlushFrame>,
    /// Objects whose footers can't be read.
    unreadable: Vec<SegmentPath>,
    /// Something that was named was not there.
    gone: bool,
}

impl Objects {
    /// Whether the generation holds the batch.
    fn held(&self) -> BTreeSet<(&str, u32)> {
        let batches = self.generation.iter().flat_map(|claim| &claim.batches);
        batches.map(|batch| (batch.tab.as_str(), batch.seq)).collect()
    }

    /// Closed, and nothing came since.
    fn closed(&self, lost: &[LostBatch]) -> bool {
        let held = self.held();
        let flush = self
            .flush
            .iter()
            .map(|frame| (frame.batch.tab.as_str(), frame.batch.seq));
        let lost = lost.iter().map(|lost| (lost.tab.as_str(), lost.seq));
        let covered = || flush.chain(lost).all(|batch| held.contains(&batch));
        self.claimed && (self.generation.is_none() || covered())
    }
}

impl ReplayIndex {
    /// Over these engines.
    pub fn new(analytics: Arc<dyn Analytics>, segments: Arc<dyn SegmentStore>, view_generation: u32) -> Self {
        Self {
            index: Index::new(analytics, view_generation),
            segments,
            kept: Mutex::default(),
            whole: Mutex::default(),
        }
    }

    /// The segment store.
    pub fn segments(&self) -> &Arc<dyn SegmentStore> {
        &self.segments
    }

    /// The manifest of a session; `None` if nothing is known of it.
    pub async fn manifest(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Option<Manifest>, ReplayError> {
        let objects = self.objects(project, session).await?;
        if !objects.gone
            && let Some(told) = self.checked(project, session, objects, false).await?
        {
            return Ok(told);
        }
        let objects = self.objects(project, session).await?;
        let told = self.checked(project, session, objects, true).await?;
        Ok(told.flatten())
    }

    /// Somebody could not read a frame that was whole when it was looked at: look again.
    pub fn look_again(&self, project: &ProjectId, session: SessionId) {
        lock(&self.whole).forget(project, session);
    }

    /// The manifest around everything that is damaged. `None` if something is gone and that is not final yet.
    async fn checked(
        &self,
        project: &ProjectId,
        session: SessionId,
        objects: Objects,
        gone_is_lost: bool,
    ) -> Result<Option<Option<Manifest>>, ReplayError> {
        let lost = self.index.lost(project, session, &objects.unreadable).await?;
        let closed = objects.closed(&lost);
        let mut unreadable = BTreeSet::new();
        loop {
            let sources = Sources {
                generation: objects.generation.clone(),
                flush: &objects.flush,
                closed,
                unreadable: unreadable.clone(),
                lost: &lost,
            };
            let Some(manifest) = Manifest::of(sources)? else {
                return Ok(Some(None));
            };
            let known = lock(&self.whole).of(project, session);
            let mut needed = manifest.needed();
            needed.retain(|frame| !known.contains(&frame.id) && !unreadable.contains(&frame.id));
            let found = check_frames(&*self.segments, needed).await?;
            lock(&self.whole).add(project, session, found.whole);
            if !found.gone.is_empty() && !gone_is_lost {
                return Ok(None);
            }
            // Other copies come in for what is left out, so these are looked at in the next round.
            if found.damaged.is_empty() && found.gone.is_empty() {
                return Ok(Some(Some(manifest)));
            }
            unreadable.extend(found.damaged);
            unreadable.extend(found.gone);
        }
    }

    async fn objects(&self, project: &ProjectId, session: SessionId) -> Result<Objects, ReplayError> {
        let mut objects = Objects::default();
        self.newest_claim(project, session, &mut objects).await?;
        let paths = self.index.flush_objects(project, session).await?;
        self.flush_frames(project, session, paths, &mut objects).await?;
        Ok(objects)
    }

    async fn newest_claim(
        &self,
        project: &ProjectId,
        session: SessionId,
        objects: &mut Objects,
    ) -> Result<(), ReplayError> {
        for claim in self.newest_claims(project, session).await? {
            objects.claimed = true;
            if let Some(footer) = self.footer_or_note(&claim, objects).await? {
                objects.generation = Some(Arc::new(footer));
                return Ok(());
            }
            let SegmentPath::Claim { generation, .. } = claim else {
                continue;
            };
            // The data object says the same of itself.
            let Some(data) = self.index.data_object(project, session, generation).await? else {
                continue;
            };
            if let Some(footer) = self.footer_or_note(&data, objects).await? {
                objects.generation = Some(Arc::new(footer));
                return Ok(());
            }
        }
        Ok(())
    }

    /// The newest first, [`CLAIMS_TRIED`] at most.
    async fn newest_claims(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Vec<SegmentPath>, ReplayError> {
        let claims = claims_of(&*self.segments, project, session).await?;
        let newest = claims.into_iter().rev().take(CLAIMS_TRIED);
        Ok(newest.map(|listed| listed.path).collect())
    }

    async fn flush_frames(
        &self,
        project: &ProjectId,
        session: SessionId,
        paths: Vec<SegmentPath>,
        objects: &mut Objects,
    ) -> Result<(), ReplayError> {
        let footers: Vec<(SegmentPath, Result<Arc<Footer>, ReadError>)> = stream::iter(paths)
            .map(|path| async { (self.flush_footer(&path).await, path) })
            .buffered(FOOTERS_AT_ONCE)
            .map(|(footer, path)| (path, footer))
            .collect()
            .await;
        for (path, read) in footers {
            if let Some(footer) = note(&path, read, objects)? {
                let frames = flush_frames(&path, &footer).into_iter();
                let own = frames
                    .filter(|frame| frame.batch.session_id == session && frame.batch.project == *project);
                objects.flush.extend(own);
            }
        }
        Ok(())
    }

    async fn footer_or_note(
        &self,
        path: &SegmentPath,
        objects: &mut Objects,
    ) -> Result<Option<Footer>, ReplayError> {
        note(path, footer(&*self.segments, path).await, objects)
    }

    async fn flush_footer(&self, path: &SegmentPath) -> Result<Arc<Footer>, ReadError> {
        let known = |kept: &VecDeque<(SegmentPath, Arc<Footer>)>| {
            kept.iter()
                .find(|(known, _)| known == path)
                .map(|(_, footer)| footer.clone())
        };
        if let Some(footer) = known(&lock(&self.kept)) {
            return Ok(footer);
        }
        let read = Arc::new(footer(&*self.segments, path).await?);
        let mut kept = lock(&self.kept);
        if kept.len() == FOOTERS_KEPT {
            kept.pop_front();
        }
        kept.push_back((path.clone(), read.clone()));
        Ok(read)
    }
}

/// A footer that is damaged or gone is noted; a store that does not answer is an error.
fn note<T>(
    path: &SegmentPath,
    read: Result<T, ReadError>,
    objects: &mut Objects,
) -> Result<Option<T>, ReplayError> {
    match read {
        Ok(footer) => return Ok(Some(footer)),
        Err(error) if error.is_not_found() => objects.gone = true,
        Err(error) if error.is_damage() => {
            tracing::error!(object = %path, %error, "the footer of an object is damaged");
        }
        Err(error) => return Err(error.into()),
    }
    objects.unreadable.push(path.clone());
    Ok(None)
}

/// Nothing here leaves its data half changed, so a poisoned lock is as good as another.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
