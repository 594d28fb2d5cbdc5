//! `GET /v1/replays/{session_id}/events`: JSON lines, each event just as sent.
//!
//! The body streams: one frame is in memory at a time, at the reader's pace. What can't be read was found when the
//! manifest was made: it is left out, and the header [`GAPS`] says which batches these are. A frame that breaks later
//! breaks the body off, so that a client sees that it was cut; asked again, the answer goes around it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use hindsight_engines::segments::{Manifest, ReadError, SegmentStore, SentEvent, Window, read_events};
use hindsight_schemas::ids::Tab;
use hindsight_schemas::reason::Reason;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{gaps, replay};
use crate::Reader;
use crate::access::Caller;
use crate::extract::{Params, Path};
use hindsight_schemas::problem::{Problem, Refusal};

/// Which batches are not in the answer, and why; absent where all are.
const GAPS: HeaderName = HeaderName::from_static("hindsight-gaps");

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct EventsParams {
    /// One of the caller's projects.
    project: Option<String>,
    /// The document load; needed where there are several.
    tab: Option<String>,
    /// From the last keyframe at or before this moment, Unix milliseconds.
    from_ms: Option<i64>,
    /// Events before this moment, Unix milliseconds.
    to_ms: Option<i64>,
    /// 1: {tab, seq, index, event} of all tabs.
    envelope: Option<u8>,
}

/// The events of a session.
#[utoipa::path(get, path = "/v1/replays/{session_id}/events", tag = "replays", params(("session_id" = String, Path), EventsParams), responses(
    (status = 200, description = "JSON lines", content_type = "application/jsonl", body = String, headers(
        ("hindsight-gaps" = String, description = "tab/from-to reason, ...: batches that are not there; absent where all are"))),
    (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json"), (status = 422, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn events(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path(session): Path<String>,
    Params(params): Params<EventsParams>,
) -> Result<Response, Refusal> {
    let manifest = replay(&reader, &caller, params.project.as_deref(), &session).await?;
    let window = Window {
        from_ms: params.from_ms,
        to_ms: params.to_ms,
    };
    let store = reader.replays.segments().clone();
    let envelope = params.envelope == Some(1);
    let tabs = tabs(&manifest, params.tab.as_deref(), envelope)?;
    let missing = gaps::header(&manifest, &tabs);
    let (project, session) = (manifest.project.clone(), manifest.session_id);
    let lines: BoxStream<'static, Result<Bytes, ReadError>> = stream::iter(tabs)
        .flat_map(move |tab| tab_lines(store.clone(), manifest.clone(), tab, window, envelope))
        .boxed();
    let noted = lines.inspect_err(move |error| {
        tracing::error!(%session, %error, "replay can't be read to its end");
        reader.replays.look_again(&project, session);
    });
    let mut response = ([(CONTENT_TYPE, "application/jsonl")], Body::from_stream(noted)).into_response();
    if let Some(missing) = missing.and_then(|words| HeaderValue::from_str(&words).ok()) {
        response.headers_mut().insert(GAPS, missing);
    }
    Ok(response)
}

fn tabs(manifest: &Manifest, asked: Option<&str>, all: bool) -> Result<Vec<Tab>, Refusal> {
    let names = || {
        manifest
            .tabs
            .iter()
            .map(|tab| tab.tab.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (asked, manifest.tabs.as_slice()) {
        (Some(asked), tabs) => match tabs.iter().find(|tab| tab.tab.as_str() == asked) {
            Some(tab) => Ok(vec![tab.tab.clone()]),
            None => Err(Refusal::new(
                Reason::NotFound,
                format!("there is no tab {asked:?}; there are {}", names()),
                format!("没有标签页 {asked:?}；现有 {}", names()),
            )),
        },
        (None, tabs) if all || tabs.len() == 1 => Ok(tabs.iter().map(|tab| tab.tab.clone()).collect()),
        (None, _) => Err(Refusal::parameter(
            "tab",
            format!("say which of {}", names()),
            format!("请指定其一：{}", names()),
        )),
    }
}

fn tab_lines(
    store: Arc<dyn SegmentStore>,
    manifest: Arc<Manifest>,
    tab: Tab,
    window: Window,
    envelope: bool,
) -> BoxStream<'static, Result<Bytes, ReadError>> {
    let events = read_events(store, manifest, &tab, window);
    events.map_ok(move |event| line(&tab, &event, envelope)).boxed()
}

fn line(tab: &Tab, event: &SentEvent, envelope: bool) -> Bytes {
    let text = event.line();
    let mut line = BytesMut::with_capacity(text.len() + 96);
    if envelope {
        // A tab has no character that JSON would escape (see Tab).
        let head = format!(
            "{{\"tab\":\"{tab}\",\"seq\":{},\"index\":{},\"event\":",
            event.seq, event.index
        );
        line.put_slice(head.as_bytes());
    }
    line.put_slice(&text);
    line.put_slice(if envelope { b"}\n" } else { b"\n" });
    line.freeze()
}
