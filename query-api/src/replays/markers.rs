//! `GET /v1/replays/{session_id}/markers`: what happened when, for a player's timeline.
//!
//! **Bound:** [`MOST`] markers of the recording; `more` says that there are more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hindsight_engines::analytics::{Query, query_rows};
use hindsight_schemas::ids::ProjectId;
use hindsight_schemas::row_binary::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gaps::{GapView, stored};
use crate::Reader;
use crate::access::Caller;
use crate::audit::AuditView;
use crate::extract::{Params, Path};
use crate::found::not_found;
use crate::sessions::{ProjectParam, find, session_id};
use hindsight_schemas::problem::{Problem, Refusal};

const MOST: usize = 10_000;

/// One marker.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Marker {
    /// page, click, input, error, console, network, audit, gap, ...
    kind: String,
    /// Unix milliseconds.
    at_ms: i64,
    /// From the session's first event.
    offset_ms: i64,
    tab: String,
    seq: Option<u32>,
    /// Of a gap: its last batch.
    seq_to: Option<u32>,
    index: Option<u32>,
    /// For people; of a gap of what was sent its reason, as in the manifest.
    label: String,
    url: String,
    level: String,
    selector: String,
    status: u16,
    audit_id: Option<String>,
}

/// The markers of a session, by time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Markers {
    items: Vec<Marker>,
    /// There are more than are shown.
    more: bool,
}

#[derive(Deserialize)]
struct EventRow {
    kind: String,
    at: Millis,
    tab: String,
    seq: u32,
    index: u32,
    url: String,
    title: String,
    selector: String,
    text: String,
    level: String,
    message: String,
    method: String,
    status: u16,
    name: String,
}

impl EventRow {
    fn label(&self) -> String {
        match self.kind.as_str() {
            "network" => format!("{} {} {}", self.method, self.url, self.status)
                .trim()
                .to_owned(),
            "reference" => format!("{}:{}", self.name, self.text),
            _ => {
                let first = [
                    &self.title,
                    &self.message,
                    &self.text,
                    &self.name,
                    &self.url,
                    &self.selector,
                ];
                first
                    .into_iter()
                    .find(|text| !text.is_empty())
                    .cloned()
                    .unwrap_or_default()
            }
        }
    }

    fn marker(self, started_at_ms: i64) -> Marker {
        Marker {
            label: self.label(),
            at_ms: self.at.0,
            offset_ms: self.at.0 - started_at_ms,
            kind: self.kind,
            tab: self.tab,
            seq: Some(self.seq),
            seq_to: None,
            index: Some(self.index),
            url: self.url,
            level: self.level,
            selector: self.selector,
            status: self.status,
            audit_id: None,
        }
    }
}

/// The markers of a session.
#[utoipa::path(get, path = "/v1/replays/{session_id}/markers", tag = "replays", params(("session_id" = String, Path), ProjectParam), responses(
    (status = 200, body = Markers), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json"), (status = 422, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn markers(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path(session): Path<String>,
    Params(params): Params<ProjectParam>,
) -> Result<Json<Markers>, Refusal> {
    let id = session_id(&session)?;
    let facts = find(&reader, &caller.projects(params.project.as_deref())?, id).await?;
    let project: ProjectId = facts
        .project
        .parse()
        .map_err(|_| not_found("session", "会话", id))?;
    let sql = format!(
        "SELECT kind, at, tab, seq, `index`, url, title, selector, text, level, message, method, status, name \
         FROM hindsight.events WHERE project = {{project:String}} AND session_id = {{session:UUID}} \
         AND id_at = {{id_at:DateTime64(3, 'UTC')}} \
         AND (kind != 'network' OR status = 0 OR status >= 400) ORDER BY at, seq, `index` LIMIT {}",
        MOST + 1
    );
    let query = Query::new(sql)
        .param("project", project.as_str())
        .param("session", id.uuid())
        .param("id_at", Millis(id.unix_ms()));
    let rows: Vec<EventRow> = query_rows(&*reader.analytics, query).await?;
    let audit = reader.search.audit_of_session(&project, id).await?;
    let more = rows.len() > MOST || audit.next.is_some();

    let started_at_ms = facts.started_at.0;
    let mut items: Vec<Marker> = rows
        .into_iter()
        .take(MOST)
        .map(|row| row.marker(started_at_ms))
        .collect();
    for hit in audit.hits {
        let (audit_id, at_ms) = (hit.id.to_string(), hit.occurred_at_us.div_euclid(1000));
        items.push(audit_marker(audit_id, at_ms, started_at_ms, &AuditView::of(hit)?));
    }
    let manifest = reader.replays.manifest(&project, id).await?;
    let gaps = manifest.iter().flat_map(stored);
    items.extend(gaps.take(MOST).map(|gap| gap_marker(gap, started_at_ms)));
    items.sort_by_key(|marker| marker.at_ms);
    Ok(Json(Markers { items, more }))
}

fn audit_marker(audit_id: String, at_ms: i64, started_at_ms: i64, event: &AuditView) -> Marker {
    Marker {
        kind: "audit".to_owned(),
        at_ms,
        offset_ms: at_ms - started_at_ms,
        tab: event.text("tab").unwrap_or_default(),
        seq: None,
        seq_to: None,
        index: None,
        label: event.text("action").unwrap_or_default(),
        url: String::new(),
        level: event.text("outcome").unwrap_or_default(),
        selector: String::new(),
        status: 0,
        audit_id: Some(audit_id),
    }
}

/// What recorders tell themselves are events already.
fn gap_marker(gap: GapView, started_at_ms: i64) -> Marker {
    Marker {
        kind: "gap".to_owned(),
        at_ms: gap.from_ms,
        offset_ms: gap.from_ms - started_at_ms,
        tab: gap.tab,
        seq: gap.seq_from,
        seq_to: gap.seq_to,
        index: None,
        label: gap.reason.to_owned(),
        url: String::new(),
        level: String::new(),
        selector: String::new(),
        status: 0,
        audit_id: None,
    }
}
