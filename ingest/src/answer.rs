//! What every answer goes through: drain, CORS, the reader's language, metrics, the request's span, what is remembered of
//! a key.
//!
//! **Invariant:** CORS headers are on every answer, errors too, or a page could not read why it was refused.
//! No cookie is ever used here, so any origin may read; what a browser key may do is decided by `authorize`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hindsight_schemas::reason::Reason;
use http::{HeaderValue, Method, Version, header};

use crate::edge::Edge;
use crate::sender::Sender;
use crate::trace;
use hindsight_schemas::problem::{Language, Refusal, Refused, spoken};

const CORS: &[(&str, &str)] = &[
    ("access-control-allow-origin", "*"),
    (
        "access-control-expose-headers",
        "Retry-After, ETag, Content-Language",
    ),
    ("cross-origin-resource-policy", "cross-origin"),
];
const PREFLIGHT: &[(&str, &str)] = &[
    ("access-control-allow-methods", "GET, POST, OPTIONS"),
    (
        "access-control-allow-headers",
        "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match, traceparent, baggage",
    ),
    ("access-control-max-age", "86400"),
];

/// Wraps every route.
pub(crate) async fn answer(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none".to_owned(), |path| path.as_str().to_owned());
    let language = Language::of(request.headers());
    let sender = Sender::of(&request);
    let is_preflight = request.method() == Method::OPTIONS;
    let version = request.version();
    let span = trace::request(&mut request, &route);
    let response = match edge.enter() {
        Some(_in_flight) => next.run(request).await,
        None => Refusal::plain(Reason::Draining).into_response(),
    };
    if let Some(Refused(refusal)) = response.extensions().get() {
        sender.note_refused(&edge, response.extensions().get(), refusal);
    }
    let (mut response, refused) = spoken(response, language);
    if let Some(reason) = refused {
        count_refused(reason);
    }
    let headers = response.headers_mut();
    let preflight = if is_preflight { PREFLIGHT } else { &[] };
    for (name, value) in CORS.iter().chain(preflight) {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    if refused == Some(Reason::Draining) && version <= Version::HTTP_11 {
        // What comes next finds another process.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    trace::answered(span, response.status());
    let status = response.status().as_u16().to_string();
    metrics::counter!("hindsight_edge_requests_total", "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("hindsight_edge_request_seconds", "route" => route)
        .record(started.elapsed().as_secs_f64());
    response
}

/// Counts something that was not kept.
pub(crate) fn count_refused(reason: Reason) {
    metrics::counter!("hindsight_refused_total", "reason" => reason.as_str()).increment(1);
}
