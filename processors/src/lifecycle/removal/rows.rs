//! The rows that point to objects: they go before the objects do.
//!
//! Repeating is harmless. **Bound:** the caller's lists; deletes are bounded in time by [`WINDOW_MS`] around what they name.

use std::sync::Arc;

use async_trait::async_trait;
use hindsight_engines::analytics::{Analytics, Query, QueryError, drop_left, query_rows, replaced_tables};
use hindsight_engines::segments::SegmentPath;
use hindsight_schemas::ddl::database;
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::row_binary::Millis;
use serde::Deserialize;
use uuid::Uuid;

use crate::analytics::erase::{OF_SESSIONS, delete};

/// Rows lie at their session's own time; deletes look this far around it, because the sort key has whole hours.
const WINDOW_MS: i64 = 3_600_000;

/// A flush object that goes, and when the first and the last of its sessions began, Unix milliseconds.
#[derive(Debug, Clone)]
pub struct FlushRows {
    /// The object.
    pub object: SegmentPath,
    /// Least and greatest start of a session in it.
    pub started_ms: (i64, i64),
}

/// The index of replays, as far as removal needs it.
#[async_trait]
pub trait SegmentRows: Send + Sync {
    /// No reader is sent to these objects any more. Durable when answered.
    async fn forget(&self, objects: &[FlushRows]) -> Result<(), QueryError>;

    /// No row of these erased sessions is left, in any table. Durable when answered; says how many had been there.
    async fn forget_sessions(&self, project: &ProjectId, sessions: &[SessionId]) -> Result<u64, QueryError>;

    /// Tables that a rebuild replaced, or left half filled, before this moment, Unix seconds, are no longer there.
    async fn drop_left(&self, before_s: i64) -> Result<(), QueryError>;
}

/// Rows in ClickHouse.
pub struct AnalyticsRows {
    analytics: Arc<dyn Analytics>,
    view_generation: u32,
    database: String,
}

impl AnalyticsRows {
    /// The tables of a view generation.
    pub fn new(analytics: Arc<dyn Analytics>, view_generation: u32) -> Self {
        Self {
            analytics,
            view_generation,
            database: database(view_generation),
        }
    }
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

#[async_trait]
impl SegmentRows for AnalyticsRows {
    async fn forget(&self, objects: &[FlushRows]) -> Result<(), QueryError> {
        let least = objects.iter().map(|rows| rows.started_ms.0).min();
        let greatest = objects.iter().map(|rows| rows.started_ms.1).max();
        let (Some(least), Some(greatest)) = (least, greatest) else {
            return Ok(());
        };
        let names: Vec<String> = objects.iter().map(|rows| rows.object.to_string()).collect();
        let sql = format!(
            "DELETE FROM {}.segments WHERE generation = 0 AND object IN {{objects:Array(String)}} \
             AND started_at >= {{least:DateTime64(3, 'UTC')}} AND started_at <= {{greatest:DateTime64(3, 'UTC')}}",
            self.database
        );
        let query = Query::new(sql)
            .param("objects", &names[..])
            .param("least", Millis(least.saturating_sub(WINDOW_MS)))
            .param("greatest", Millis(greatest.saturating_add(WINDOW_MS)));
        self.analytics.execute(query).await
    }

    async fn drop_left(&self, before_s: i64) -> Result<(), QueryError> {
        let dropped = drop_left(&*self.analytics, self.view_generation, before_s).await?;
        if dropped > 0 {
            tracing::info!(databases = dropped, "what rebuilds left is dropped");
        }
        Ok(())
    }

    /// The lane has deleted them at the erasure's record; here goes what a process wrote that had not heard of it, and what
    /// stands in tables that a rebuild replaced.
    async fn forget_sessions(&self, project: &ProjectId, sessions: &[SessionId]) -> Result<u64, QueryError> {
        let ids: Vec<Uuid> = sessions.iter().map(|session| session.uuid()).collect();
        let mut found = 0;
        for table in OF_SESSIONS {
            let table = format!("{}.{table}", self.database);
            found += self.forget_in(&table, project, &ids).await?;
        }
        for (database, tables) in replaced_tables(&*self.analytics, self.view_generation).await? {
            for table in OF_SESSIONS.iter().filter(|table| tables.contains(**table)) {
                self.forget_in(&format!("{database}.{table}"), project, &ids)
                    .await?;
            }
        }
        Ok(found)
    }
}

impl AnalyticsRows {
    async fn forget_in(&self, table: &str, project: &ProjectId, ids: &[Uuid]) -> Result<u64, QueryError> {
        let sql = format!(
            "SELECT count() AS count FROM {table} \
             WHERE project = {{project:String}} AND session_id IN {{ids:Array(UUID)}}"
        );
        let query = Query::new(sql)
            .param("project", project.as_str())
            .param("ids", ids);
        let rows: Vec<Count> = query_rows(&*self.analytics, query).await?;
        let count: u64 = rows.iter().map(|row| row.count).sum();
        if count > 0 {
            delete(&*self.analytics, table, "session_id", project.as_str(), ids).await?;
        }
        Ok(count)
    }
}
