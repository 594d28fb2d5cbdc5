//! Query, path and body of a call, typed and bounded. What can't be read is refused as everything else is, in the reader's language.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;
use serde::de::DeserializeOwned;

use crate::BODY_BYTES;

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(20);

/// The query.
pub(crate) struct Params<T>(pub(crate) T);

/// What a route's path names.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|error| Refusal::query(error.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|error| Refusal::path(error.body_text()))
    }
}

/// The body, whole: at most [`BODY_BYTES`], within [`BODY_WAIT`].
pub(crate) struct Sent(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let reading = tokio::time::timeout(BODY_WAIT, Bytes::from_request(request, state));
        match reading.await {
            Ok(Ok(body)) => Ok(Self(body)),
            Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Refusal::over("of a body", BODY_BYTES))
            }
            Ok(Err(_)) => Err(Refusal::plain(Reason::Truncated)),
            Err(_) => Err(Refusal::new(
                Reason::SlowBody,
                format!("the body did not arrive within {} s", BODY_WAIT.as_secs()),
                format!("请求体未在 {} 秒内到达", BODY_WAIT.as_secs()),
            )),
        }
    }
}
