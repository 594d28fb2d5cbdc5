//! A small stand-in for the front door: keeps what it was sent, and can be told to be busy first.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// (session, tab, seq) -> the inflated body.
    pub(crate) batches: BTreeMap<(String, String, u64), String>,
    /// Batches marked as their tab's last.
    pub(crate) last: Vec<(String, String, u64)>,
    /// Bodies of audit calls with their idempotency keys.
    pub(crate) audit: Vec<(String, String)>,
    /// Requests that came, busy answers too.
    pub(crate) requests: usize,
    /// Answer this many requests with 503 first.
    pub(crate) busy: usize,
}

/// A running double; stops with the test's process.
pub(crate) struct Double {
    /// Its address.
    pub(crate) url: String,
    /// What it keeps.
    pub(crate) kept: Arc<Mutex<Kept>>,
}

type Shared = State<Arc<Mutex<Kept>>>;

/// Starts a double on a free port.
pub(crate) fn start(busy: usize) -> Double {
    let kept = Arc::new(Mutex::new(Kept {
        busy,
        ..Kept::default()
    }));
    let routes = Router::new()
        .route("/v1/recordings/{session}/{tab}/{seq}", post(recording))
        .route("/v1/audit", post(audit))
        .with_state(kept.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await.unwrap();
        });
    });
    Double { url, kept }
}

fn refuse(kept: &mut Kept, headers: &HeaderMap) -> Option<Response> {
    kept.requests += 1;
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some("Bearer k") {
        let problem = json!({"reason": "unknown_key", "detail": "the key is unknown"});
        return Some((StatusCode::UNAUTHORIZED, Json(problem)).into_response());
    }
    if kept.busy > 0 {
        kept.busy -= 1;
        return Some((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]).into_response());
    }
    None
}

async fn recording(
    State(kept): Shared,
    Path(batch): Path<(String, String, u64)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut kept = kept.lock().unwrap();
    if let Some(refused) = refuse(&mut kept, &headers) {
        return refused;
    }
    assert_eq!(query.get("encoding").map(String::as_str), Some("zstd"));
    let mut text = String::new();
    zstd::Decoder::new(&body[..])
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    if query.contains_key("final") {
        kept.last.push(batch.clone());
    }
    let events = text.lines().count();
    kept.batches.insert(batch, text);
    (StatusCode::ACCEPTED, Json(json!({"accepted": events}))).into_response()
}

async fn audit(State(kept): Shared, headers: HeaderMap, body: String) -> Response {
    let mut kept = kept.lock().unwrap();
    if let Some(refused) = refuse(&mut kept, &headers) {
        return refused;
    }
    let mut errors: Vec<Value> = Vec::new();
    for (index, line) in body.lines().enumerate() {
        if serde_json::from_str::<Value>(line).unwrap()["action"].is_null() {
            errors.push(json!({"index": index, "reason": "invalid_audit", "detail": "no action"}));
        }
    }
    let accepted = body.lines().count() - errors.len();
    let key = headers["idempotency-key"].to_str().unwrap().to_string();
    kept.audit.push((key, body));
    (
        StatusCode::ACCEPTED,
        Json(json!({"accepted": accepted, "ids": [], "errors": errors})),
    )
        .into_response()
}
