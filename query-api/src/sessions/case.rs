//! `GET /v1/references/{type}/{id}`: the case, all sessions and audit events of a business id on one clock.
//!
//! **Bound:** [`MOST`] sessions, and the search engine's largest page of audit events; `more` says that there are more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hindsight_engines::analytics::{Query, query_rows};
use hindsight_schemas::ids::ProjectId;
use serde::Serialize;
use utoipa::ToSchema;

use super::facts::COLUMNS;
use super::{ProjectParam, SessionFacts, project_names};
use crate::Reader;
use crate::access::Caller;
use crate::audit::{AuditView, with_moments};
use crate::extract::{Params, Path};
use crate::found::not_found;
use hindsight_schemas::problem::{Problem, Refusal};

const MOST: usize = 1000;

/// A business id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReferenceName {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// Everything that names a business id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Case {
    /// The id.
    reference: ReferenceName,
    /// Its sessions, oldest first.
    sessions: Vec<SessionFacts>,
    /// Its audit events, oldest first.
    audit: Vec<AuditView>,
    /// There is more than is shown here.
    more: bool,
}

/// The case of a business id.
#[utoipa::path(get, path = "/v1/references/{type}/{id}", tag = "replays",
    params(("type" = String, Path), ("id" = String, Path), ProjectParam), responses(
    (status = 200, body = Case), (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn case(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    Params(params): Params<ProjectParam>,
) -> Result<Json<Case>, Refusal> {
    let projects = caller.projects(params.project.as_deref())?;
    let (mut hits, mut more) = (Vec::new(), false);
    for project in &projects {
        let page = reader.search.audit_by_reference(project, &kind, &id).await?;
        more |= page.next.is_some();
        hits.extend(page.hits);
    }
    hits.sort_by_key(|hit| hit.occurred_at_us);
    let audit = with_moments(&reader, hits).await?;
    let sessions = sessions(&reader, &projects, &kind, &id, &audit).await?;
    if sessions.is_empty() && audit.is_empty() {
        return Err(not_found("reference", "业务编号", format!("{kind}:{id}")));
    }
    more |= sessions.len() == MOST;
    Ok(Json(Case {
        reference: ReferenceName { kind, id },
        sessions,
        audit,
        more,
    }))
}

/// Sessions that name the id, and those of the audit events that do.
async fn sessions(
    reader: &Reader,
    projects: &[ProjectId],
    kind: &str,
    id: &str,
    audit: &[AuditView],
) -> Result<Vec<SessionFacts>, Refusal> {
    let told: Vec<uuid::Uuid> = audit
        .iter()
        .filter_map(AuditView::session)
        .map(|session| session.uuid())
        .collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM hindsight.sessions WHERE project IN {{projects:Array(String)}} AND \
         (arrayExists(r -> r.1 = {{kind:String}} AND r.2 = {{id:String}}, references) \
          OR session_id IN {{told:Array(UUID)}}) ORDER BY started_at LIMIT {MOST}"
    );
    let query = Query::new(sql)
        .param("projects", project_names(projects).as_slice())
        .param("kind", kind)
        .param("id", id)
        .param("told", told.as_slice());
    Ok(query_rows(&*reader.analytics, query).await?)
}
