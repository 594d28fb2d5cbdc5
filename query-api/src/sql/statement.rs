//! `POST /v1/sql`: the body is the statement as text.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::Response;
use hindsight_schemas::reason::Reason;

use super::run::{Ask, accepted_format, run};
use crate::Reader;
use crate::access::Caller;
use crate::extract::{Params, Sent};
use hindsight_schemas::problem::{Problem, Refusal};

/// Runs one SELECT over the tables for people.
#[utoipa::path(post, path = "/v1/sql", tag = "analytics", request_body(content = String, content_type = "text/plain"),
    params(("project" = Option<String>, Query, description = "one of the caller's projects")), responses(
    (status = 200, description = "the result in the format asked for", content_type = "application/json"),
    (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"),
    (status = 406, body = Problem, content_type = "application/problem+json"), (status = 413, body = Problem, content_type = "application/problem+json"), (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn statement(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Params(params): Params<Vec<(String, String)>>,
    headers: HeaderMap,
    Sent(body): Sent,
) -> Result<Response, Refusal> {
    let text = String::from_utf8(body.to_vec()).map_err(|_| {
        Refusal::new(
            Reason::NotUtf8,
            "send the statement as UTF-8 text",
            "请以 UTF-8 发送语句",
        )
    })?;
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("*/*");
    let format = accepted_format(accept).ok_or_else(|| {
        Refusal::new(
            Reason::NotAcceptable,
            "accept JSON, CSV, TSV, Parquet or Arrow, or end the text with FORMAT",
            "请接受 JSON、CSV、TSV、Parquet 或 Arrow，或在语句末尾写 FORMAT",
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
