//! `GET /v1/audit`: the whole query language, an exact total, and up to when the answer is complete.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hindsight_engines::search::parse::parse;
use hindsight_engines::search::{AuditSearch, Projects, SortOrder};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::AuditView;
use super::with_moments;
use crate::Reader;
use crate::access::Caller;
use crate::extract::Params;
use crate::page::limit;
use crate::time::micros;
use hindsight_schemas::problem::{Problem, Refusal};

/// What can be asked.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Ask {
    /// The query.
    q: Option<String>,
    /// One of the caller's projects.
    project: Option<String>,
    /// Events from this moment on.
    from: Option<String>,
    /// Events before this moment.
    to: Option<String>,
    /// `-occurred_at` (default) or `occurred_at`.
    sort: Option<String>,
    /// Rows of a page, 1 to 1000.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A page of audit events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    /// The events.
    items: Vec<AuditView>,
    /// `cursor=` of the next page; null behind the last.
    next: Option<String>,
    /// How many match, exactly.
    total: u64,
    /// Everything that was received before this moment was searched.
    complete_to: Option<String>,
}

/// The audit events of a query.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(Ask), responses(
    (status = 200, body = AuditPage), (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Params(ask): Params<Ask>,
) -> Result<Json<AuditPage>, Refusal> {
    let query = parse(ask.q.as_deref().unwrap_or_default(), &reader.time_zone)?;
    let search = AuditSearch {
        projects: Projects::Only(caller.projects(ask.project.as_deref())?),
        from_us: ask.from.as_deref().map(|text| micros("from", text)).transpose()?,
        to_us: ask.to.as_deref().map(|text| micros("to", text)).transpose()?,
        sort: sort(ask.sort.as_deref())?,
        limit: limit(ask.limit)?,
        cursor: ask.cursor,
        query,
    };
    // Asked before the search: what was complete then is in its answer.
    let complete_to = (reader.complete_to)().map(|moment| format!("{moment:.6}"));
    let page = reader.search.search_audit(search).await?;
    let items = with_moments(&reader, page.hits)
        .await?
        .into_iter()
        .map(AuditView::short)
        .collect();
    Ok(Json(AuditPage {
        items,
        next: page.next,
        total: page.total,
        complete_to,
    }))
}

fn sort(text: Option<&str>) -> Result<SortOrder, Refusal> {
    match text {
        None | Some("-occurred_at") => Ok(SortOrder::NewestFirst),
        Some("occurred_at") => Ok(SortOrder::OldestFirst),
        Some(other) => Err(Refusal::parameter(
            "sort",
            format!("{other:?} is neither occurred_at nor -occurred_at"),
            format!("{other:?} 不是 occurred_at 或 -occurred_at"),
        )),
    }
}
