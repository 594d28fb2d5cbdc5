//! `GET /v1/replays/{session_id}/frames/{frame}`: one frame, as stored where the client takes it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query as Params, State};
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use hindsight_engines::segments::{Encoded, FrameId, FrameReader, ReadError};
use hindsight_schemas::reason::Reason;

use super::replay;
use crate::Reader;
use crate::access::Caller;
use crate::problem::ApiError;
use crate::sessions::ProjectParam;

/// One frame of a replay.
#[utoipa::path(get, path = "/v1/replays/{session_id}/frames/{frame}", tag = "replays",
    params(("session_id" = String, Path), ("frame" = String, Path), ProjectParam), responses(
    (status = 200, description = "JSON lines", content_type = "application/jsonl", body = String),
    (status = 400, body = crate::problem::Problem), (status = 401, body = crate::problem::Problem),
    (status = 403, body = crate::problem::Problem), (status = 404, body = crate::problem::Problem), (status = 422, body = crate::problem::Problem)))]
pub(crate) async fn frame(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path((session, name)): Path<(String, String)>,
    Params(params): Params<ProjectParam>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (_, manifest) = replay(&reader, &caller, params.project.as_deref(), &session).await?;
    let id: FrameId = name
        .parse()
        .map_err(|error| ApiError::new(Reason::BadParameter, format!("{error}")))?;
    if manifest.unreadable.contains(&id) {
        return Err(ApiError::new(
            Reason::NotFound,
            format!("frame {name} can't be read: its object is damaged; restore it from a copy"),
        ));
    }
    let found = manifest
        .frame(id)
        .cloned()
        .ok_or_else(|| ApiError::not_found("frame", &name))?;
    let mut frames = FrameReader::new(reader.replays.segments().clone(), manifest);
    let (encoding, body) = if accepts(&headers, "zstd") {
        match frames.encoded(&found, false).await.map_err(unreadable)? {
            Encoded::Zstd(bytes) => (Some("zstd"), bytes),
            Encoded::Dcz(bytes, _) => (Some("dcz"), bytes),
        }
    } else {
        (None, frames.raw(&found).await.map_err(unreadable)?)
    };
    let fixed = [
        (CONTENT_TYPE, "application/jsonl"),
        (CACHE_CONTROL, "private, max-age=31536000, immutable"),
        (VARY, "Accept-Encoding"),
    ];
    let mut response = (fixed, Body::from(body)).into_response();
    if let Some(encoding) = encoding {
        response
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{id}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let values = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| {
        let mut words = part.split(';').map(str::trim);
        words.next() == Some(coding) && words.all(|word| word.replace(' ', "") != "q=0")
    })
}

fn unreadable(error: ReadError) -> ApiError {
    tracing::error!(%error, "frame can't be read");
    ApiError::new(
        Reason::Internal,
        "the frame can't be read; the server's log says why",
    )
}
