//! What a session consists of, asked of two engines: the replay index (ClickHouse) names flush objects, the
//! segment store has claims and footers; together they give the manifest.
//!
//! **Invariant:** the newest claim plus every flush frame that the index names: a late batch shows at once, and a stale
//! index row hides nothing. An object that is gone (a compactor was quicker) makes the reader ask again, once.
//! **Bounds:** [`MAX_FLUSH_OBJECTS`] footers a session, [`FOOTERS_AT_ONCE`] read at a time, [`FOOTERS_KEPT`] kept.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt, TryStreamExt};
use hindsight_schemas::ddl::database;
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::row_binary::Millis;
use serde::Deserialize;

use crate::analytics::{Analytics, Query, QueryError, query_rows};
use crate::segments::format::Footer;
use crate::segments::{
    FlushFrame, Manifest, ManifestError, ReadError, SegmentPath, SegmentStore, Sources, StoreError,
    claims_of, flush_frames, footer,
};

/// Flush objects of one session at most: twelve hours at one a second.
pub const MAX_FLUSH_OBJECTS: usize = 50_000;
/// Footers that are read at the same time.
const FOOTERS_AT_ONCE: usize = 16;
/// Footers of flush objects that are kept: neighbouring sessions share them.
const FOOTERS_KEPT: usize = 256;

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
    analytics: Arc<dyn Analytics>,
    segments: Arc<dyn SegmentStore>,
    view_generation: u32,
    kept: Mutex<VecDeque<(SegmentPath, Arc<Footer>)>>,
}

#[derive(Deserialize)]
struct ObjectRow {
    object: String,
}

impl ReplayIndex {
    /// Over these engines.
    pub fn new(analytics: Arc<dyn Analytics>, segments: Arc<dyn SegmentStore>, view_generation: u32) -> Self {
        Self {
            analytics,
            segments,
            view_generation,
            kept: Mutex::default(),
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
        match self.manifest_once(project, session).await {
            Err(ReplayError::Read(error)) if error.is_not_found() => {
                self.manifest_once(project, session).await
            }
            other => other,
        }
    }

    async fn manifest_once(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Option<Manifest>, ReplayError> {
        let generation = self.newest_claim(project, session).await?;
        let held: BTreeSet<_> = generation
            .iter()
            .flat_map(|claim| &claim.batches)
            .map(|batch| (batch.tab.clone(), batch.seq))
            .collect();
        let flush = self.flush_frames(project, session).await?;
        let covered = flush
            .iter()
            .all(|frame| held.contains(&(frame.batch.tab.clone(), frame.batch.seq)));
        let closed = generation.is_some() && covered;
        let sources = Sources {
            generation,
            flush: &flush,
            closed,
            ..Sources::default()
        };
        Ok(Manifest::of(sources)?)
    }

    async fn newest_claim(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Option<Arc<Footer>>, ReplayError> {
        match claims_of(&*self.segments, project, session).await?.pop() {
            None => Ok(None),
            Some(newest) => Ok(Some(Arc::new(footer(&*self.segments, &newest.path).await?))),
        }
    }

    async fn flush_frames(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Vec<FlushFrame>, ReplayError> {
        let paths = self.flush_objects(project, session).await?;
        let footers: Vec<(SegmentPath, Arc<Footer>)> = stream::iter(paths)
            .map(|path| async { self.flush_footer(&path).await.map(|footer| (path, footer)) })
            .buffered(FOOTERS_AT_ONCE)
            .try_collect()
            .await?;
        let frames = footers
            .iter()
            .flat_map(|(path, footer)| flush_frames(path, footer));
        Ok(frames
            .filter(|frame| frame.batch.session_id == session && frame.batch.project == *project)
            .collect())
    }

    async fn flush_objects(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Vec<SegmentPath>, ReplayError> {
        let sql = format!(
            "SELECT DISTINCT object FROM {}.segments WHERE project = {{project:String}} AND \
             toStartOfHour(started_at) = toStartOfHour({{started_at:DateTime64(3, 'UTC')}}) AND \
             session_id = {{session:UUID}} AND generation = 0 ORDER BY object LIMIT {MAX_FLUSH_OBJECTS}",
            database(self.view_generation)
        );
        let query = Query::new(sql)
            .param("project", project.as_str())
            .param("started_at", Millis(session.unix_ms()))
            .param("session", session.uuid());
        let rows: Vec<ObjectRow> = query_rows(&*self.analytics, query).await?;
        let paths = rows
            .iter()
            .map(|row| row.object.parse())
            .collect::<Result<Vec<SegmentPath>, _>>();
        Ok(paths.map_err(ManifestError::Path)?)
    }

    async fn flush_footer(&self, path: &SegmentPath) -> Result<Arc<Footer>, ReadError> {
        let known = |kept: &VecDeque<(SegmentPath, Arc<Footer>)>| {
            kept.iter()
                .find(|(known, _)| known == path)
                .map(|(_, footer)| footer.clone())
        };
        if let Some(footer) = known(&self.kept.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(footer);
        }
        let read = Arc::new(footer(&*self.segments, path).await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == FOOTERS_KEPT {
            kept.pop_front();
        }
        kept.push_back((path.clone(), read.clone()));
        Ok(read)
    }
}
