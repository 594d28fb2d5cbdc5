//! `/health/live`, `/health/ready` (which engine is away) and `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

/// Which parts serve. A part is away until it says otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Readiness(Arc<RwLock<BTreeMap<&'static str, Result<(), String>>>>);

impl Readiness {
    /// Says how a part is: `Ok`, or in its own words why not.
    pub(super) fn set(&self, part: &'static str, state: Result<(), String>) {
        self.0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(part, state);
    }

    fn parts(&self) -> BTreeMap<&'static str, Result<(), String>> {
        self.0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

#[derive(Clone)]
struct Ops {
    readiness: Readiness,
    metrics: PrometheusHandle,
}

/// The routes for operators.
pub(super) fn router(readiness: Readiness, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/health/live", get(|| async { "ok\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(exposition))
        .with_state(Ops { readiness, metrics })
}

async fn ready(State(ops): State<Ops>) -> Response {
    let parts = ops.readiness.parts();
    let all = !parts.is_empty() && parts.values().all(Result::is_ok);
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
