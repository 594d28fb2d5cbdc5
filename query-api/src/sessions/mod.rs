//! Sessions: the list with its filters, one of them, and the case of a reference.

pub(crate) mod case;
mod facts;
pub(crate) mod list;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hindsight_engines::analytics::{Query, query_rows};
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::reason::Reason;
use hindsight_schemas::row_binary::Millis;
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) use facts::SessionFacts;

use crate::Reader;
use crate::access::Caller;
use crate::extract::{Params, Path};
use crate::found::{ambiguous, not_found};
use hindsight_schemas::problem::{Problem, Refusal};

/// `project=`: which of the caller's projects; without it all are searched.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct ProjectParam {
    /// One of the caller's projects.
    pub(crate) project: Option<String>,
}

/// A session id from a path.
pub(crate) fn session_id(text: &str) -> Result<SessionId, Refusal> {
    text.parse().map_err(|error| {
        Refusal::new(
            Reason::NotSessionId,
            format!("session_id: {error}"),
            "session_id 必须是 UUIDv7",
        )
    })
}

/// The facts of one session, from the one project that has it.
pub(crate) async fn find(
    reader: &Reader,
    projects: &[ProjectId],
    session: SessionId,
) -> Result<SessionFacts, Refusal> {
    let sql = format!(
        "SELECT {} FROM hindsight.sessions WHERE session_id = {{session:UUID}} \
         AND id_at = {{id_at:DateTime64(3, 'UTC')}} AND project IN {{projects:Array(String)}}",
        facts::COLUMNS
    );
    let query = Query::new(sql)
        .param("session", session.uuid())
        .param("id_at", Millis(session.unix_ms()))
        .param("projects", project_names(projects).as_slice());
    let mut found: Vec<SessionFacts> = query_rows(&*reader.analytics, query).await?;
    match found.len() {
        0 => Err(not_found("session", "会话", session)),
        1 => Ok(found.remove(0)),
        _ => {
            let names: Vec<&str> = found.iter().map(|facts| facts.project.as_str()).collect();
            Err(ambiguous(&names))
        }
    }
}

pub(crate) fn project_names(projects: &[ProjectId]) -> Vec<String> {
    projects.iter().map(ToString::to_string).collect()
}

/// One session.
#[utoipa::path(get, path = "/v1/sessions/{session_id}", tag = "replays", params(("session_id" = String, Path), ProjectParam), responses(
    (status = 200, body = SessionFacts), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json"), (status = 422, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<ProjectParam>,
) -> Result<Json<SessionFacts>, Refusal> {
    let projects = caller.projects(params.project.as_deref())?;
    find(&reader, &projects, session_id(&id)?).await.map(Json)
}
