//! `GET /v1/audit/{id}`: one event with what changed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query as Params, State};
use hindsight_schemas::ids::AuditId;
use hindsight_schemas::reason::Reason;

use super::view::AuditView;
use super::with_moments;
use crate::Reader;
use crate::access::Caller;
use crate::problem::ApiError;
use crate::sessions::ProjectParam;

/// One audit event.
#[utoipa::path(get, path = "/v1/audit/{id}", tag = "audit", params(("id" = String, Path), ProjectParam), responses(
    (status = 200, body = AuditView), (status = 400, body = crate::problem::Problem), (status = 401, body = crate::problem::Problem),
    (status = 403, body = crate::problem::Problem), (status = 404, body = crate::problem::Problem)))]
pub(crate) async fn one(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path(text): Path<String>,
    Params(params): Params<ProjectParam>,
) -> Result<Json<AuditView>, ApiError> {
    let id: AuditId = text
        .parse()
        .map_err(|error| ApiError::new(Reason::BadParameter, format!("{error}")))?;
    let mut found = Vec::new();
    for project in caller.projects(params.project.as_deref())? {
        found.extend(reader.search.get_audit(&project, id).await?);
    }
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|hit| hit.project.as_str()).collect();
        return Err(ApiError::new(
            Reason::Ambiguous,
            format!("say project= one of {}", names.join(", ")),
        ));
    }
    let mut views = with_moments(&reader, found).await?;
    views
        .pop()
        .map(|view| Json(view.with_patch()))
        .ok_or_else(|| ApiError::not_found("audit event", id))
}
