//! The views in ClickHouse: fresh tables beside those that are read, filled, exchanged.

use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::replay::ReplayIndex;
use hindsight_processors::rebuild::{
    AUDIT_TABLES, Fresh, INDEX_TABLES, RECORDING_TABLES, Report, Sources, fill_replay_index, fill_tables,
};
use jiff::Timestamp;

use super::{Run, left_out};
use crate::roles::{VIEW_GENERATION, View};

impl Run<'_> {
    pub(super) async fn replay_index(&mut self, accept_loss: bool) -> anyhow::Result<String> {
        let (analytics, segments) = (self.engines.analytics(), self.engines.segments());
        let erased = self.erased().await?;
        self.in_tables(INDEX_TABLES, async |fresh, report| {
            let filled = fill_replay_index(
                &*analytics,
                &*segments,
                &erased,
                fresh,
                VIEW_GENERATION,
                accept_loss,
                report,
            )
            .await?;
            Ok(format!(
                "the replay index is made of {} flush objects and {} sessions: {} rows; {} objects can't be read",
                filled.flushes, filled.sessions, filled.rows, filled.damaged
            ))
        })
        .await
    }

    pub(super) async fn analytics(&mut self, keep_audit: bool) -> anyhow::Result<String> {
        let tables = if keep_audit {
            RECORDING_TABLES.to_vec()
        } else {
            [RECORDING_TABLES, AUDIT_TABLES].concat()
        };
        let (analytics, segments) = (self.engines.analytics(), self.engines.segments());
        let sources = Sources {
            analytics: analytics.clone(),
            replays: Arc::new(ReplayIndex::new(analytics, segments, VIEW_GENERATION)),
            log: self.engines.log(),
            erased: self.erased().await?,
            commits: self.still.commits_of(View::Analytics),
            audit: !keep_audit,
        };
        self.in_tables(&tables, async |fresh, report| {
            let filled = fill_tables(&sources, fresh, VIEW_GENERATION, report).await?;
            Ok(format!(
                "analytics is made of {} batches of objects and {} records of the log, with facts of {} closed sessions; \
                 {} sessions can't be read whole{}",
                filled.batches,
                filled.records,
                filled.sessions,
                filled.unread,
                left_out(&filled.rejected)
            ))
        })
        .await
    }

    async fn in_tables(
        &mut self,
        tables: &[&str],
        fill: impl AsyncFnOnce(&Fresh, Report<'_>) -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        let analytics = self.engines.analytics();
        let fresh = Fresh::make(&*analytics, VIEW_GENERATION, now_s()).await?;
        let filled = self.followed(async |report| fill(&fresh, report).await).await;
        let words = match filled {
            Ok(words) => words,
            Err(error) => {
                if let Err(left) = fresh.discard(&*analytics).await {
                    tracing::warn!(error = %left, "half filled tables are left for the next rebuild to drop");
                }
                return Err(error);
            }
        };
        self.switching().await?;
        fresh.switch(&*analytics, tables, now_s()).await?;
        self.switched().await?;
        analytics
            .migrate(VIEW_GENERATION)
            .await
            .context("the view is rebuilt, and clickhouse is still not as it must be")?;
        Ok(words)
    }
}

fn now_s() -> i64 {
    Timestamp::now().as_second()
}
