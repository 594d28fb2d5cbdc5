//! The sessions that the replay index names, a page at a time, in the order of the engine.

use std::sync::Arc;

use hindsight_engines::analytics::{Analytics, Query, QueryError, query_rows};
use hindsight_schemas::ids::{ProjectId, SessionId, Topic};
use serde::Deserialize;
use uuid::Uuid;

use super::fill::LONGEST_S;
use super::reach::Reach;

/// Sessions that are asked for at the same time.
const PAGE: usize = 1_000;
/// Those that were closed.
pub(super) const CLOSED: &str = "generation > 0";

/// Those of which the log lacks something.
pub(super) fn behind_the_log(reach: &Reach) -> String {
    format!("NOT {}", reach.kept(Topic::Recordings))
}

/// Sessions with frames that meet a condition.
pub(super) struct SessionNames {
    analytics: Arc<dyn Analytics>,
    sql: String,
    after: (String, Uuid),
    ended: bool,
}

#[derive(Deserialize)]
struct Name {
    project: String,
    session: Uuid,
}

impl SessionNames {
    pub(super) fn new(analytics: Arc<dyn Analytics>, index: &str, condition: &str) -> Self {
        let sql = format!(
            "SELECT project, session_id AS session FROM {index}.segments WHERE expires_at > now() AND {condition} \
             AND (project, session_id) > ({{project:String}}, {{session:UUID}}) \
             GROUP BY project, session_id ORDER BY project, session_id LIMIT {PAGE}"
        );
        Self {
            analytics,
            sql,
            after: (String::new(), Uuid::nil()),
            ended: false,
        }
    }

    /// The next ones; `None` behind the last.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<(ProjectId, SessionId)>>, QueryError> {
        if self.ended {
            return Ok(None);
        }
        let query = Query::new(self.sql.clone())
            .setting("max_execution_time", LONGEST_S)
            .param("project", &self.after.0)
            .param("session", self.after.1);
        let rows: Vec<Name> = query_rows(&*self.analytics, query).await?;
        self.ended = rows.len() < PAGE;
        if let Some(last) = rows.last() {
            self.after = (last.project.clone(), last.session);
        }
        let names = rows.into_iter().filter_map(|row| {
            let session = SessionId::new(row.session).ok()?;
            Some((row.project.parse().ok()?, session))
        });
        Ok(Some(names.collect()))
    }
}
