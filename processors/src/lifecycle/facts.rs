//! Facts of a whole session at its close: from its batches, its few meaningful events, and its manifest.
//!
//! Rage clicks: [`RAGE_CLICKS`] or more clicks within [`RAGE_WINDOW_MS`] and [`RAGE_RADIUS_PX`] of each other count as one.

use hindsight_engines::analytics::{Analytics, Query, QueryError, query_rows};
use hindsight_engines::segments::Manifest;
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::row_binary::{Millis, Seconds};
use hindsight_schemas::rows::{Reference, Session};
use serde::Deserialize;

const RAGE_CLICKS: usize = 3;
const RAGE_WINDOW_MS: i64 = 1_000;
const RAGE_RADIUS_PX: i64 = 30;
/// A clock that is off by more is called suspect.
const SUSPECT_CLOCK_MS: i64 = 5 * 60 * 1000;
/// Clicks of one session that are looked at.
const MOST_CLICKS: usize = 100_000;

#[derive(Debug, Deserialize)]
struct Totals {
    source: String,
    release: String,
    user_id: String,
    user_name: String,
    device_id: String,
    references: Vec<Reference>,
    entry_url: String,
    pages: u32,
    batches: u32,
    events: u64,
    clicks: u32,
    inputs: u32,
    errors: u32,
    browser: String,
    os: String,
    device: String,
    screen: String,
    country: String,
    raw_bytes: u64,
    clock_off_ms: i64,
    log_partition: u32,
    expires_at: Seconds,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Click {
    at: Millis,
    x: i64,
    y: i64,
}

/// The row of a session generation.
pub(crate) async fn session_row(
    engine: &dyn Analytics,
    database: &str,
    manifest: &Manifest,
    generation: u32,
    stored_bytes: u64,
    closed_at: Millis,
) -> Result<Option<Session>, QueryError> {
    let Some(totals) = totals(engine, database, &manifest.project, manifest.session_id).await? else {
        return Ok(None);
    };
    let clicks = clicks(engine, database, &manifest.project, manifest.session_id).await?;
    let duration_ms = (manifest.span.to_ms - manifest.span.from_ms).max(0);
    let inactive_ms: i64 = manifest
        .inactive
        .iter()
        .map(|part| part.to_ms - part.from_ms)
        .sum();
    let state = if manifest.gaps.is_empty() && manifest.unreadable.is_empty() {
        "complete"
    } else {
        "damaged"
    };
    Ok(Some(Session {
        project: manifest.project.to_string(),
        session_id: manifest.session_id.uuid(),
        id_at: Millis(manifest.session_id.unix_ms()),
        started_at: Millis(manifest.span.from_ms),
        last_at: Millis(manifest.span.to_ms),
        duration_ms: duration_ms.unsigned_abs(),
        active_ms: (duration_ms - inactive_ms).max(0).unsigned_abs(),
        source: totals.source,
        release: totals.release,
        user_id: totals.user_id,
        user_name: totals.user_name,
        device_id: totals.device_id,
        references: totals.references,
        entry_url: totals.entry_url,
        pages: totals.pages,
        tabs: u32::try_from(manifest.tabs.len()).unwrap_or(u32::MAX),
        batches: totals.batches,
        events: totals.events,
        clicks: totals.clicks,
        inputs: totals.inputs,
        errors: totals.errors,
        rage_clicks: rage_clicks(&clicks),
        browser: totals.browser,
        os: totals.os,
        device: totals.device,
        screen: totals.screen,
        country: totals.country,
        raw_bytes: totals.raw_bytes,
        stored_bytes,
        state: state.to_owned(),
        clock: if totals.clock_off_ms > SUSPECT_CLOCK_MS {
            "suspect"
        } else {
            "ok"
        }
        .to_owned(),
        generation,
        closed_at,
        log_partition: totals.log_partition,
        expires_at: totals.expires_at,
    }))
}

fn of_session(project: &ProjectId, session: SessionId, sql: String) -> Query {
    Query::new(sql)
        .param("project", project.as_str())
        .param("session", session.uuid())
        .param("started_at", Millis(session.unix_ms()))
}

const WHERE: &str = "project = {project:String} AND session_id = {session:UUID} \
    AND toStartOfHour(started_at) = toStartOfHour({started_at:DateTime64(3, 'UTC')})";

async fn totals(
    engine: &dyn Analytics,
    database: &str,
    project: &ProjectId,
    session: SessionId,
) -> Result<Option<Totals>, QueryError> {
    let latest = |column: &str| format!("argMaxIf({column}, last_at, {column} != '') AS {column}");
    let texts = [
        "source",
        "release",
        "user_id",
        "user_name",
        "device_id",
        "browser",
        "os",
        "device",
        "screen",
        "country",
    ]
    .map(latest)
    .join(", ");
    let sql = format!(
        "SELECT {texts}, arraySort(groupUniqArrayArray(references)) AS references, \
         argMinIf(entry_url, first_at, entry_url != '') AS entry_url, toUInt32(sum(pages)) AS pages, \
         toUInt32(count()) AS batches, sum(events) AS events, toUInt32(sum(clicks)) AS clicks, \
         toUInt32(sum(inputs)) AS inputs, toUInt32(sum(errors)) AS errors, sum(raw_bytes) AS raw_bytes, \
         max(abs(ifNull(clock_offset_ms, 0))) AS clock_off_ms, any(log_partition) AS log_partition, \
         max(expires_at) AS expires_at FROM {database}.batches FINAL WHERE {WHERE} HAVING count() > 0"
    );
    let mut rows: Vec<Totals> = query_rows(engine, of_session(project, session, sql)).await?;
    Ok(rows.pop())
}

async fn clicks(
    engine: &dyn Analytics,
    database: &str,
    project: &ProjectId,
    session: SessionId,
) -> Result<Vec<Click>, QueryError> {
    let sql = format!(
        "SELECT at, toInt64(x) AS x, toInt64(y) AS y FROM {database}.recorder_events FINAL WHERE {WHERE} \
         AND kind = 'click' ORDER BY at LIMIT {MOST_CLICKS}"
    );
    query_rows(engine, of_session(project, session, sql)).await
}

/// How often somebody clicked in anger; `clicks` in the order of time.
fn rage_clicks(clicks: &[Click]) -> u32 {
    let (mut count, mut at) = (0, 0);
    while at < clicks.len() {
        let first = clicks[at];
        let near = |click: &Click| {
            click.at.0 - first.at.0 <= RAGE_WINDOW_MS
                && (click.x - first.x).abs() <= RAGE_RADIUS_PX
                && (click.y - first.y).abs() <= RAGE_RADIUS_PX
        };
        let run = clicks[at..].iter().take_while(|click| near(click)).count();
        let rage = run >= RAGE_CLICKS;
        count += u32::from(rage);
        at += if rage { run } else { 1 };
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(clicks: &[(i64, i64)], expected: u32) {
        let clicks: Vec<Click> = clicks
            .iter()
            .map(|(at, x)| Click {
                at: Millis(*at),
                x: *x,
                y: 0,
            })
            .collect();
        assert_eq!(rage_clicks(&clicks), expected, "{clicks:?}");
    }

    #[test]
    fn quick_clicks_on_one_spot_are_rage_and_count_once() {
        check(&[(0, 0), (300, 5), (600, 0), (900, 1)], 1);
        check(&[(0, 0), (300, 500), (600, 0)], 0);
        check(&[(0, 0), (900, 0), (1800, 0)], 0);
        check(&[(0, 0), (1, 0), (2, 0), (5000, 9), (5001, 9), (5002, 9)], 2);
        check(&[], 0);
    }
}
