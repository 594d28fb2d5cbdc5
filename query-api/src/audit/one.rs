//! `GET /v1/audit/{id}`: one event with what changed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hindsight_schemas::ids::AuditId;

use super::view::AuditView;
use super::with_moments;
use crate::Reader;
use crate::access::Caller;
use crate::extract::{Params, Path};
use crate::found::{ambiguous, not_found};
use crate::sessions::ProjectParam;
use hindsight_schemas::problem::{Problem, Refusal};

/// One audit event.
#[utoipa::path(get, path = "/v1/audit/{id}", tag = "audit", params(("id" = String, Path), ProjectParam), responses(
    (status = 200, body = AuditView), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path(text): Path<String>,
    Params(params): Params<ProjectParam>,
) -> Result<Json<AuditView>, Refusal> {
    let id: AuditId = text
        .parse()
        .map_err(|error| Refusal::parameter("id", error, "不是审计事件编号（UUIDv7）"))?;
    let mut found = Vec::new();
    for project in caller.projects(params.project.as_deref())? {
        found.extend(reader.search.get_audit(&project, id).await?);
    }
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|hit| hit.project.as_str()).collect();
        return Err(ambiguous(&names));
    }
    let mut views = with_moments(&reader, found).await?;
    views
        .pop()
        .map(|view| Json(view.with_patch()))
        .ok_or_else(|| not_found("audit event", "审计事件", id))
}
