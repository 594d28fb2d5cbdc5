//! `GET /v1/replays/{session_id}/frames/{frame}`: one frame, as stored where the client takes it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use hindsight_engines::segments::{Encoded, FrameId, FrameReader, ReadError};
use hindsight_schemas::reason::Reason;

use super::replay;
use crate::Reader;
use crate::access::Caller;
use crate::extract::{Params, Path};
use crate::found::not_found;
use crate::sessions::ProjectParam;
use hindsight_schemas::problem::{Problem, Refusal};

/// One frame of a replay.
#[utoipa::path(get, path = "/v1/replays/{session_id}/frames/{frame}", tag = "replays",
    params(("session_id" = String, Path), ("frame" = String, Path), ProjectParam), responses(
    (status = 200, description = "JSON lines", content_type = "application/jsonl", body = String),
    (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json"), (status = 422, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn frame(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path((session, name)): Path<(String, String)>,
    Params(params): Params<ProjectParam>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let manifest = replay(&reader, &caller, params.project.as_deref(), &session).await?;
    let id: FrameId = name
        .parse()
        .map_err(|error| Refusal::parameter("frame", error, "不是帧编号"))?;
    if manifest.unreadable.contains(&id) {
        return Err(Refusal::new(
            Reason::NotFound,
            format!("frame {name} can't be read: its object is damaged; restore it from a copy"),
            format!("帧 {name} 无法读取：其对象已损坏，请从副本恢复"),
        ));
    }
    let found = manifest
        .frame(id)
        .cloned()
        .ok_or_else(|| not_found("frame", "帧", &name))?;
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

fn unreadable(error: ReadError) -> Refusal {
    tracing::error!(%error, "frame can't be read");
    Refusal::internal("the frame can't be read", "无法读取该帧")
}
