//! What every answer goes through: drain, CORS, the reader's language, metrics.
//!
//! **Invariant:** CORS headers are on every answer, errors too, or a page could not read why it was refused.
//! No cookie is ever used here, so any origin may read; what a browser key may do is decided by `authorize`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hindsight_schemas::reason::Reason;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::edge::Edge;
use crate::refusal::{Language, Refusal, Refused};

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
pub(crate) async fn answer(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none".to_owned(), |path| path.as_str().to_owned());
    let language = language(request.headers());
    let is_preflight = request.method() == Method::OPTIONS;
    let response = match edge.enter() {
        Some(_in_flight) => next.run(request).await,
        None => Refusal::plain(Reason::Draining).into_response(),
    };
    let mut response = match response.extensions().get::<Refused>().cloned() {
        Some(Refused(refusal)) => {
            count_refused(refusal.reason);
            refusal.render(language)
        }
        None => response,
    };
    let headers = response.headers_mut();
    let preflight = if is_preflight { PREFLIGHT } else { &[] };
    for (name, value) in CORS.iter().chain(preflight) {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    let outcome = response.status().as_u16().to_string();
    metrics::counter!("hindsight_edge_requests_total", "route" => route.clone(), "outcome" => outcome)
        .increment(1);
    metrics::histogram!("hindsight_edge_request_seconds", "route" => route)
        .record(started.elapsed().as_secs_f64());
    response
}

/// Counts something that was not kept.
pub(crate) fn count_refused(reason: Reason) {
    metrics::counter!("hindsight_refused_total", "reason" => reason.as_str()).increment(1);
}

/// The language that the reader likes better; English where it says nothing.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    let accepted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let mut best = (Language::En, 0.0);
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or("").to_ascii_lowercase();
        let weight = parts
            .find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok())
            .unwrap_or(1.0);
        let language = match tag.split('-').next() {
            Some("zh") => Language::Zh,
            Some("en") => Language::En,
            _ => continue,
        };
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_liked_language_is_spoken() {
        for (accepted, expected) in [
            ("", Language::En),
            ("de", Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("en-US, zh;q=0.5", Language::En),
            ("en;q=0.2, zh-TW;q=0.7", Language::Zh),
            ("zh;q=0", Language::En),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            assert_eq!(language(&headers), expected, "{accepted}");
        }
    }
}
