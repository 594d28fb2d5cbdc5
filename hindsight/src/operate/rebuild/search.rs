//! The search view: the next generation of the index beside the one that is read.
//!
//! The switch is a create-only object in the segment store. Processes hear of it when they start.

use std::sync::Arc;

use anyhow::bail;
use bytes::Bytes;
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::search::{Search, SearchError};
use hindsight_engines::segments::{Put, SegmentPath};
use hindsight_processors::rebuild::{SearchFilled, SearchSources, fill_search};
use hindsight_schemas::ddl::database;

use super::Run;
use crate::engines::{drop_search, open_search, search_generation};
use crate::roles::{VIEW_GENERATION, View};

impl Run<'_> {
    pub(super) async fn search(&mut self) -> anyhow::Result<String> {
        let segments = self.engines.segments();
        let current = search_generation(&*segments).await?;
        let next = current + 1;
        drop_search(self.settings, next).await?;
        let old = self.old_search(current).await?;
        let compared = if old.is_some() {
            ""
        } else {
            "; the old index can't be read, so nothing was compared"
        };
        let filled = match self.filled_search(old, next).await {
            Ok(filled) => filled,
            Err(error) => {
                if let Err(left) = drop_search(self.settings, next).await {
                    tracing::warn!(error = %left, "a half filled index is left for the next rebuild to drop");
                }
                return Err(error);
            }
        };
        self.switching().await?;
        let switch = SegmentPath::SearchView { generation: next };
        if segments.put_create(&switch, Bytes::new()).await? == Put::Exists {
            bail!("somebody else has rebuilt search meanwhile");
        }
        self.switched().await?;
        Ok(format!(
            "search is made of {} batches of objects and {} records of the log: {} audit events; {} sessions can't be \
             read whole{compared}; restart what serves",
            filled.batches, filled.records, filled.events, filled.unread
        ))
    }

    /// The index that is read, unless it is what has to be mended.
    async fn old_search(&self, generation: u32) -> anyhow::Result<Option<Arc<dyn Search>>> {
        match open_search(self.settings, generation).await {
            Ok(old) => Ok(Some(old)),
            Err(error @ (SearchError::OtherLayout(_) | SearchError::Refused(_))) => {
                tracing::warn!(%error, "the old index can't be read");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn filled_search(
        &mut self,
        old: Option<Arc<dyn Search>>,
        generation: u32,
    ) -> anyhow::Result<SearchFilled> {
        // The replay index names the sessions; it must be fit.
        let analytics = self.engines.analytics();
        analytics.migrate(VIEW_GENERATION).await?;
        let replays = ReplayIndex::new(analytics.clone(), self.engines.segments(), VIEW_GENERATION);
        let sources = SearchSources {
            old,
            fresh: open_search(self.settings, generation).await?,
            analytics,
            index: database(VIEW_GENERATION),
            replays: Arc::new(replays),
            log: self.engines.log(),
            erased: self.erased().await?,
            commits: self.still.commits_of(View::Search),
        };
        self.followed(async |report| Ok(fill_search(&sources, VIEW_GENERATION, report).await?))
            .await
    }
}
