//! Which moment of a replay shows an audit event: the request with its trace id, else the clock.

use std::collections::HashMap;

use hindsight_engines::analytics::{Query, query_rows};
use hindsight_engines::search::AuditHit;
use hindsight_schemas::ids::SessionId;
use hindsight_schemas::row_binary::Millis;
use serde::Deserialize;
use uuid::Uuid;

use super::view::{AuditView, Moment};
use crate::Reader;
use hindsight_schemas::problem::Refusal;

#[derive(Deserialize)]
struct Span {
    project: String,
    session_id: Uuid,
    started_at: Millis,
    last_at: Millis,
}

#[derive(Deserialize)]
struct Traced {
    session_id: Uuid,
    trace: String,
    tab: String,
    /// A request is told when it was answered; its moment is when it was made.
    began: Millis,
}

/// How far behind a session's last event an audit event may lie and still be shown by it.
const SLACK_MS: i64 = 60_000;

/// The events of a page, each with its moment.
pub(crate) async fn with_moments(reader: &Reader, hits: Vec<AuditHit>) -> Result<Vec<AuditView>, Refusal> {
    let views = hits
        .into_iter()
        .map(AuditView::of)
        .collect::<Result<Vec<_>, _>>()?;
    let sessions: Vec<SessionId> = views.iter().filter_map(AuditView::session).collect();
    if sessions.is_empty() {
        return Ok(views);
    }
    let spans = spans(reader, &sessions).await?;
    let traced_sessions: Vec<SessionId> = views
        .iter()
        .filter(|view| view.text("trace_id").is_some())
        .filter_map(AuditView::session)
        .collect();
    let traced = traced(reader, &traced_sessions).await?;
    let placed = views.into_iter().map(|view| {
        let moment = moment(&view, &spans, &traced);
        view.with_moment(moment)
    });
    Ok(placed.collect())
}

fn moment(
    view: &AuditView,
    spans: &HashMap<(String, Uuid), Span>,
    traced: &HashMap<(Uuid, String), Traced>,
) -> Option<Moment> {
    let session_id = view.session()?;
    let span = spans.get(&(view.project.clone(), session_id.uuid()))?;
    let trace = view
        .text("trace_id")
        .and_then(|trace| traced.get(&(session_id.uuid(), trace)));
    if let Some(request) = trace {
        let offset_ms = (request.began.0 - span.started_at.0).max(0);
        return Some(Moment {
            session_id,
            tab: Some(request.tab.clone()),
            offset_ms,
            matched: "trace",
        });
    }
    let at_ms = view.occurred_at_us.div_euclid(1000);
    let shown = (span.started_at.0..=span.last_at.0 + SLACK_MS).contains(&at_ms);
    let offset_ms = (at_ms - span.started_at.0).min(span.last_at.0 - span.started_at.0);
    shown.then(|| Moment {
        session_id,
        tab: view.text("tab"),
        offset_ms,
        matched: "clock",
    })
}

/// Binds `sessions` and, for where they lie, `times`.
fn of_sessions(sql: &str, sessions: &[SessionId]) -> Query {
    let ids: Vec<Uuid> = sessions.iter().map(|session| session.uuid()).collect();
    let times: Vec<Millis> = sessions.iter().map(|session| Millis(session.unix_ms())).collect();
    Query::new(sql)
        .param("sessions", ids.as_slice())
        .param("times", times.as_slice())
}

async fn spans(reader: &Reader, sessions: &[SessionId]) -> Result<HashMap<(String, Uuid), Span>, Refusal> {
    let sql = "SELECT project, session_id, started_at, last_at FROM hindsight.sessions \
               WHERE session_id IN {sessions:Array(UUID)} AND id_at IN {times:Array(DateTime64(3, 'UTC'))}";
    let rows: Vec<Span> = query_rows(&*reader.analytics, of_sessions(sql, sessions)).await?;
    Ok(rows
        .into_iter()
        .map(|span| ((span.project.clone(), span.session_id), span))
        .collect())
}

async fn traced(reader: &Reader, sessions: &[SessionId]) -> Result<HashMap<(Uuid, String), Traced>, Refusal> {
    if sessions.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = "SELECT session_id, JSONExtractString(properties, 'trace_id') AS trace, tab, \
               subtractMilliseconds(at, toInt64(least(greatest(duration_ms, 0), 600000))) AS began FROM hindsight.events \
               WHERE session_id IN {sessions:Array(UUID)} AND id_at IN {times:Array(DateTime64(3, 'UTC'))} \
               AND kind = 'network' AND trace != ''";
    let rows: Vec<Traced> = query_rows(&*reader.analytics, of_sessions(sql, sessions)).await?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.session_id, row.trace.clone()), row))
        .collect())
}
