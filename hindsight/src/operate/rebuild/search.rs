//! The search view: the next generation of the index beside the one that is read.
//!
//! The switch is a create-only object in the segment store, which processes follow. **Invariant:** a generation that is read
//! is never dropped.

use std::sync::Arc;

use anyhow::bail;
use bytes::Bytes;
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::search::{Search, SearchError};
use hindsight_engines::segments::{Put, SegmentPath};
use hindsight_processors::rebuild::{SearchFilled, SearchSources, fill_search};
use hindsight_schemas::ddl::database;

use super::{Run, left_out};
use crate::engines::{drop_search, open_search, open_search_to_read, search_generation};
use crate::roles::{VIEW_GENERATION, View};

impl Run<'_> {
    pub(super) async fn search(&mut self, accept_loss: bool) -> anyhow::Result<String> {
        let segments = self.engines.segments();
        let current = search_generation(&*segments).await?;
        let next = current + 1;
        drop_search(self.settings, next).await?;
        let old = self.old_search(current).await?;
        let filled = match self.filled_search(old, next, accept_loss).await {
            Ok(filled) => filled,
            Err(error) => {
                if let Err(left) = self.drop_unread(next).await {
                    tracing::warn!(error = %left, "a half filled index is left for lifecycle to drop");
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
             read whole{}{}",
            filled.batches,
            filled.records,
            filled.events,
            filled.unread,
            left_out(&filled.rejected),
            if filled.compared {
                ""
            } else {
                "; it was not compared with the old index"
            }
        ))
    }

    /// Whoever switched meanwhile keeps what is read.
    async fn drop_unread(&self, generation: u32) -> anyhow::Result<()> {
        if search_generation(&*self.engines.segments()).await? < generation {
            drop_search(self.settings, generation).await?;
        }
        Ok(())
    }

    /// The index that is read, unless it can't be opened at all.
    async fn old_search(&self, generation: u32) -> anyhow::Result<Option<Arc<dyn Search>>> {
        match open_search_to_read(self.settings, generation).await {
            Ok(old) => Ok(Some(old)),
            Err(error @ (SearchError::Locked(_) | SearchError::Settings(_))) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the old index can't be opened");
                Ok(None)
            }
        }
    }

    async fn filled_search(
        &mut self,
        old: Option<Arc<dyn Search>>,
        generation: u32,
        accept_loss: bool,
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
            accept_loss,
        };
        self.followed(async |report| Ok(fill_search(&sources, VIEW_GENERATION, report).await?))
            .await
    }
}
