//! Elasticsearch's view that is read, also after a rebuild has put the next one in its place.
//!
//! **Invariant:** a search goes to one view; the next may go to the one after it. Whoever writes asks [`Search::follow`]
//! first, and a rebuild has nobody beside it, so no write goes to a view that was replaced. **Failure:** a view that can't be
//! opened leaves the one before, and is tried again. **Bound:** one view, and the one that is being opened.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use hindsight_engines::search::elasticsearch::{ElasticsearchOptions, ElasticsearchSearch};
use hindsight_engines::search::{
    AuditPage, AuditSearch, Encoded, Search, SearchError, SearchHealth, SearchWrite, SessionPage,
    SessionSearch, Standing, WriteOutcome, WriteRange, WrittenPartition,
};
use hindsight_engines::segments::SegmentStore;
use hindsight_schemas::documents::DocumentId;

use super::search::search_generation;

/// The view, wherever it is.
pub(super) struct Followed {
    segments: Arc<dyn SegmentStore>,
    options: ElasticsearchOptions,
    current: RwLock<(u32, Arc<dyn Search>)>,
}

impl Followed {
    /// Begins with a view that was opened.
    pub(super) fn new(
        segments: Arc<dyn SegmentStore>,
        options: ElasticsearchOptions,
        generation: u32,
        opened: ElasticsearchSearch,
    ) -> Self {
        Self {
            segments,
            options,
            current: RwLock::new((generation, Arc::new(opened))),
        }
    }

    fn now(&self) -> (u32, Arc<dyn Search>) {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn view(&self) -> Arc<dyn Search> {
        self.now().1
    }
}

#[async_trait]
impl Search for Followed {
    async fn follow(&self) -> Result<(), SearchError> {
        let asked = search_generation(&*self.segments).await;
        let generation = asked.map_err(|error| {
            SearchError::Engine(format!("which view is read can't be asked: segments: {error}"))
        })?;
        let (before, _) = self.now();
        if generation == before {
            return Ok(());
        }
        let opened = ElasticsearchSearch::open(self.options.clone(), generation).await?;
        // What was committed since the switch has been refreshed in the view before.
        opened.refresh().await?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = (generation, Arc::new(opened));
        tracing::info!(before, generation, "search was rebuilt: the new view is read");
        Ok(())
    }

    fn encode(&self, writes: Vec<SearchWrite>) -> Result<Encoded, SearchError> {
        self.view().encode(writes)
    }

    async fn write_encoded(
        &self,
        range: WriteRange,
        writes: Arc<Encoded>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        self.view().write_encoded(range, writes).await
    }

    async fn standing(&self, ids: Vec<(DocumentId, [u8; 32])>) -> Result<Vec<Standing>, SearchError> {
        self.view().standing(ids).await
    }

    async fn search_audit(&self, search: AuditSearch) -> Result<AuditPage, SearchError> {
        self.view().search_audit(search).await
    }

    async fn search_sessions(&self, search: SessionSearch) -> Result<SessionPage, SearchError> {
        self.view().search_sessions(search).await
    }

    async fn written_partitions(&self) -> Result<Vec<WrittenPartition>, SearchError> {
        self.view().written_partitions().await
    }

    async fn expire(&self, now_s: i64) -> Result<u64, SearchError> {
        self.view().expire(now_s).await
    }

    async fn refresh(&self) -> Result<(), SearchError> {
        self.view().refresh().await
    }

    async fn health(&self) -> Result<SearchHealth, SearchError> {
        self.view().health().await
    }
}
