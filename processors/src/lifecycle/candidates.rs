//! Which sessions are open and which of them may be closed, asked of the index: not one lane's memory, so a restart
//! forgets nothing.
//!
//! **Bound:** the caller's; the next sweep brings the rest.

use hindsight_engines::analytics::{Analytics, Query, QueryError, query_rows};
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::row_binary::Millis;
use serde::Deserialize;
use uuid::Uuid;

/// Sessions closed in one sweep of a partition at most.
pub(super) const AT_ONCE: usize = 200;

/// A session that may be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) project: ProjectId,
    pub(super) session: SessionId,
    /// Batches that the index knows now.
    pub(super) batches: u64,
    /// Batches that its facts were made from; 0 if it was never closed.
    pub(super) closed_batches: u64,
}

#[derive(Deserialize)]
struct CandidateRow {
    project: String,
    session_id: Uuid,
    known: u64,
    closed: u64,
}

/// Sessions of a partition with batches that came after they were closed, and that ended, or whose last batch was
/// appended before `silent_since`. Only sessions touched after `since` are looked at. What has expired is no reason to
/// close anything: rows go one by one, and lifecycle takes the session's objects.
pub(super) async fn candidates(
    engine: &dyn Analytics,
    database: &str,
    partition: u32,
    since: Millis,
    silent_since: Millis,
    at_most: usize,
) -> Result<Vec<Candidate>, QueryError> {
    let sql = format!(
        "SELECT b.project AS project, b.session_id AS session_id, b.known AS known, \
         toUInt64(s.batches) AS closed {} \
             AND (b.over OR b.last < {{silent:DateTime64(3, 'UTC')}}) \
         ORDER BY b.last LIMIT {at_most}",
        from_open(database, &[partition])
    );
    let query = Query::new(sql)
        .param("since", since)
        .param("silent", silent_since);
    let rows: Vec<CandidateRow> = query_rows(engine, query).await?;
    let known = rows.into_iter().filter_map(|row| {
        Some(Candidate {
            project: row.project.parse().ok()?,
            session: SessionId::new(row.session_id).ok()?,
            batches: row.known,
            closed_batches: row.closed,
        })
    });
    Ok(known.collect())
}

#[derive(Deserialize)]
struct CountRow {
    open: u64,
}

/// How many sessions of these partitions that were touched after `since` are open.
pub(super) async fn count_open(
    engine: &dyn Analytics,
    database: &str,
    partitions: &[u32],
    since: Millis,
) -> Result<u64, QueryError> {
    let query = Query::new(format!(
        "SELECT count() AS open {}",
        from_open(database, partitions)
    ));
    let query = query.param("since", since);
    let rows: Vec<CountRow> = query_rows(engine, query).await?;
    Ok(rows.first().map_or(0, |row| row.open))
}

/// Sessions of some partitions that were touched after `since`, with batches that came after they were closed.
fn from_open(database: &str, partitions: &[u32]) -> String {
    let partitions = partitions
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(",");
    format!(
        "FROM (SELECT project, session_id, count() AS known, max(appended_at) AS last, max(ended) AS over \
          FROM {database}.batches FINAL \
          WHERE log_partition IN ({partitions}) AND expires_at > now() AND (project, session_id) IN \
              (SELECT project, session_id FROM {database}.batches WHERE appended_at >= {{since:DateTime64(3, 'UTC')}} \
               AND log_partition IN ({partitions})) \
          GROUP BY project, session_id) AS b \
         LEFT ANY JOIN (SELECT project, session_id, batches, closed_at FROM {database}.sessions FINAL) AS s \
             ON s.project = b.project AND s.session_id = b.session_id \
         WHERE (b.known > s.batches OR b.last > s.closed_at)"
    )
}
