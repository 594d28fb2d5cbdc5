//! Carries out erasures in ClickHouse: lightweight deletes of the named sessions and audit events.
//!
//! Repeating one is harmless. Lifecycle looks again in each of its rounds, and deletes what a zombie wrote since.

use hindsight_engines::analytics::{Analytics, Query, QueryError};
use hindsight_schemas::record::Erasure;
use uuid::Uuid;

/// Tables that hold rows of a session.
pub(crate) const OF_SESSIONS: &[&str] = &["recorder_events", "batches", "sessions", "segments"];

/// The erasures of a range, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Erasures(Vec<Erasure>);

impl Erasures {
    pub(super) fn add(&mut self, erasure: Erasure) {
        self.0.push(erasure);
    }

    /// Deletes every row of the named sessions and audit events.
    pub(super) async fn carry_out(&self, engine: &dyn Analytics, database: &str) -> Result<(), QueryError> {
        for erasure in &self.0 {
            let sessions: Vec<Uuid> = erasure.sessions.iter().map(|session| session.uuid()).collect();
            let events: Vec<Uuid> = erasure.audit_ids.iter().map(|id| id.uuid()).collect();
            let project = erasure.project.as_str();
            for table in OF_SESSIONS {
                delete(
                    engine,
                    &format!("{database}.{table}"),
                    "session_id",
                    project,
                    &sessions,
                )
                .await?;
            }
            delete(
                engine,
                &format!("{database}.audit_events"),
                "id",
                project,
                &events,
            )
            .await?;
        }
        Ok(())
    }
}

/// Deletes rows of a project by the ids in a column.
pub(crate) async fn delete(
    engine: &dyn Analytics,
    table: &str,
    column: &str,
    project: &str,
    ids: &[Uuid],
) -> Result<(), QueryError> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql =
        format!("DELETE FROM {table} WHERE project = {{project:String}} AND {column} IN {{ids:Array(UUID)}}");
    engine
        .execute(Query::new(sql).param("project", project).param("ids", ids))
        .await
}
