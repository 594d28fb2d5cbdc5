//! Refusals of the read side as `application/problem+json` (RFC 9457), in the reader's language.
//!
//! **Invariant:** what is said to the caller never holds an engine's address or a statement that wasn't theirs;
//! that goes to the log of the process.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hindsight_engines::analytics::QueryError;
use hindsight_engines::replay::ReplayError;
use hindsight_engines::search::SearchError;
use hindsight_schemas::reason::{Reason, Retry};
use serde::Serialize;
use utoipa::ToSchema;

/// How long a caller waits before it asks again, where that can help.
const RETRY_AFTER_S: u64 = 2;

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A URI reference that names the kind: `urn:hindsight:reason:<reason>`.
    #[serde(rename = "type")]
    kind: String,
    /// A short title, in English and Chinese.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What to do about it.
    detail: String,
    /// One name of the list shared with metrics and dead letters.
    reason: &'static str,
    /// When asking again can help.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// Where in a text the fault lies: byte position and hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    /// How it could be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// Why a call was refused.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", reason.as_str())]
pub struct ApiError {
    reason: Reason,
    detail: String,
    position: Option<usize>,
    hint: Option<String>,
}

impl ApiError {
    /// A refusal for this reason; `detail` says what to do.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            position: None,
            hint: None,
        }
    }

    /// Nothing has this id.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(
            Reason::NotFound,
            format!("there is no {what} {id} in your projects"),
        )
    }

    /// Names the place in the text that was sent.
    #[must_use]
    pub fn at(mut self, position: usize, hint: impl Into<String>) -> Self {
        self.position = Some(position);
        self.hint = Some(hint.into());
        self
    }

    /// Its reason.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        tracing::warn!(%error, "analytics query failed");
        match error {
            QueryError::Unavailable(_) => Self::new(Reason::EngineAway, "clickhouse is away; try again"),
            _ => Self::new(
                Reason::Internal,
                "the analytics engine failed; the server's log says how",
            ),
        }
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        Self::new(error.reason(), error.to_string())
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        tracing::warn!(%error, "replay can't be read");
        match error {
            ReplayError::Index(QueryError::Unavailable(_)) => {
                Self::new(Reason::EngineAway, "clickhouse is away; try again")
            }
            _ => Self::new(
                Reason::Internal,
                "the replay can't be read; the server's log says why",
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let reason = self.reason;
        metrics::counter!("hindsight_api_refused_total", "reason" => reason.as_str()).increment(1);
        let status = StatusCode::from_u16(reason.status()).expect("reasons have statuses of HTTP");
        let retry = reason.retry() == Retry::Later;
        let problem = Problem {
            kind: format!("urn:hindsight:reason:{}", reason.as_str()),
            title: format!("{} / {}", reason.title_en(), reason.title_zh()),
            status: reason.status(),
            detail: self.detail,
            reason: reason.as_str(),
            retry_after_ms: retry.then_some(RETRY_AFTER_S * 1000),
            position: self.position,
            hint: self.hint,
        };
        let mut response = (status, Json(problem)).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if retry {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}
