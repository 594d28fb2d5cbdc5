//! `POST /v1/sql`: the body is the statement as text.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query as Params, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::Response;
use hindsight_schemas::reason::Reason;

use super::run::{Ask, accepted_format, run};
use crate::Reader;
use crate::access::Caller;
use crate::problem::ApiError;

/// Runs one SELECT over the tables for people.
#[utoipa::path(post, path = "/v1/sql", tag = "analytics", request_body(content = String, content_type = "text/plain"),
    params(("project" = Option<String>, Query, description = "one of the caller's projects")), responses(
    (status = 200, description = "the result in the format asked for", content_type = "application/json"),
    (status = 400, body = crate::problem::Problem), (status = 401, body = crate::problem::Problem), (status = 403, body = crate::problem::Problem),
    (status = 406, body = crate::problem::Problem), (status = 413, body = crate::problem::Problem), (status = 503, body = crate::problem::Problem)))]
pub(crate) async fn statement(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Params(params): Params<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let text = String::from_utf8(body.to_vec())
        .map_err(|_| ApiError::new(Reason::NotUtf8, "send the statement as UTF-8 text"))?;
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("*/*");
    let format = accepted_format(accept).ok_or_else(|| {
        ApiError::new(
            Reason::NotAcceptable,
            "accept JSON, CSV, TSV, Parquet or Arrow, or end the text with FORMAT",
        )
    })?;
    let project = params
        .iter()
        .find(|(name, _)| name == "project")
        .map(|(_, value)| value.as_str());
    let projects = caller.projects(project)?;
    let params = bound(&params);
    run(
        &reader,
        &projects,
        Ask {
            text,
            params,
            format: format.to_owned(),
        },
    )
    .await
}

/// `param_<name>=value`
pub(super) fn bound(params: &[(String, String)]) -> Vec<(String, String)> {
    let named = params
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("param_")?.to_owned(), value.clone())));
    named.collect()
}
