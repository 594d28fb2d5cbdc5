//! `/health/live`, `/health/ready` (which engine is away) and `/metrics`.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use crate::observe::Look;

#[derive(Clone)]
struct Ops {
    look: Look,
    metrics: PrometheusHandle,
}

/// The routes for operators.
pub(super) fn router(look: Look, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/health/live", get(|| async { "ok\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(exposition))
        .with_state(Ops { look, metrics })
}

async fn ready(State(ops): State<Ops>) -> Response {
    let parts = (ops.look)();
    let all = parts.values().all(Result::is_ok);
    let parts: BTreeMap<_, _> = parts
        .into_iter()
        .map(|(part, state)| (part, state.map_or_else(|why| why, |()| "ok".into())))
        .collect();
    let status = if all {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({"ready": all, "parts": parts}))).into_response()
}

async fn exposition(State(ops): State<Ops>) -> Response {
    (
        [("content-type", "text/plain; version=0.0.4; charset=utf-8")],
        ops.metrics.render(),
    )
        .into_response()
}
