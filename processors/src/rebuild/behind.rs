//! Audit events that the log has forgotten: they have no archive, so they are in the view alone.

use hindsight_engines::analytics::{Analytics, Query, query_rows};
use hindsight_engines::log::EventLog;
use hindsight_schemas::ids::Topic;
use serde::Deserialize;

use super::RebuildError;
use super::fill::LONGEST_S;
use super::reach::Reach;

#[derive(Deserialize)]
struct Lost {
    count: u64,
    first: String,
    last: String,
}

/// Refuses where ClickHouse has some of them; `remedy` ends the sentence.
pub(super) async fn refuse_audit_behind(
    analytics: &dyn Analytics,
    database: &str,
    log: &dyn EventLog,
    reach: &Reach,
    remedy: &str,
) -> Result<(), RebuildError> {
    let sql = format!(
        "SELECT count() AS count, toString(min(received_at)) AS first, toString(max(received_at)) AS last \
         FROM {database}.audit_events FINAL WHERE expires_at > now() AND NOT {}",
        reach.kept(Topic::Audit)
    );
    let query = Query::new(sql).setting("max_execution_time", LONGEST_S);
    let found: Vec<Lost> = query_rows(analytics, query).await?;
    let Some(Lost { count, first, last }) = found.into_iter().find(|lost| lost.count > 0) else {
        return Ok(());
    };
    let since = since(log, reach).await?;
    Err(RebuildError::WouldLose(format!(
        "{count} audit events, received from {first} to {last}, are no longer in the log, which reaches back to {since}; \
         audit events have no archive yet, so they would be lost, and {remedy}"
    )))
}

/// From when on the log has all audit events.
pub(super) async fn since(log: &dyn EventLog, reach: &Reach) -> Result<String, RebuildError> {
    let since = reach.since(log, Topic::Audit).await?;
    Ok(since.map_or_else(|| "now".to_owned(), |since| since.to_string()))
}
