//! The HTTP edge: keys, limits, validation, masking, stamping, append, acknowledgement (API.md 'Writing').
//!
//! **Invariants:** 202 is answered only after the log said that it holds the records durably; whatever isn't kept is
//! answered and counted under one [`hindsight_schemas::reason::Reason`]; memory is bounded by one byte budget
//! ([`EdgeOptions::budget_bytes`]), whatever is sent.
//!
//! The way of a request: `answer` (language, CORS, metrics, drain) -> `authorize` (key, kind, origin) -> the route
//! (`recordings`, `audit`, `config`, `sdk`, `foreign`) -> `body` and `inflate` (within `admission`) -> `scan` or `audit::normalise`
//! -> `append`.

mod admission;
mod answer;
mod append;
mod audit;
mod authorize;
mod batch;
mod body;
mod client;
mod config;
mod edge;
mod erased;
mod foreign;
mod inflate;
mod meters;
mod openapi;
mod options;
mod pressure;
mod rate;
mod recordings;
pub mod scan;
mod sdk;
mod sender;
mod server;
mod stamp;
mod trace;

pub use edge::{Edge, EdgeError};
pub use erased::{ErasedSessions, NoneErased};
pub use openapi::openapi;
pub use options::{EdgeOptions, Intake, Limits, OptionsError, Rate};
pub use server::{ConnectionBounds, PeerAddr, serve};

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;

/// The routes of 'Writing', to be merged with others on one origin: unknown paths are left to those.
pub fn routes(edge: Arc<Edge>) -> Router {
    Router::new()
        .route(
            "/v1/recordings/{session_id}/{tab}/{seq}",
            post(recordings::post).options(preflight).fallback(method),
        )
        .route(
            "/v1/rrweb",
            post(foreign::rrweb::post).options(preflight).fallback(method),
        )
        .route("/v1/audit", post(audit::post).options(preflight).fallback(method))
        .route("/v1/config", get(config::get).options(preflight).fallback(method))
        .route("/sdk.js", get(sdk::loader).fallback(method))
        .route("/sdk/{version}/{file}", get(sdk::file).fallback(method))
        .merge(foreign::posthog::routes())
        .route_layer(axum::middleware::from_fn_with_state(edge.clone(), answer::answer))
        .with_state(edge)
}

async fn method() -> Refusal {
    Refusal::plain(Reason::MethodNotAllowed)
}

async fn preflight() -> http::StatusCode {
    http::StatusCode::NO_CONTENT
}

/// The whole edge, for a listener of its own: an unknown path is `not_found`, with CORS headers, too.
pub fn router(edge: Arc<Edge>) -> Router {
    routes(edge.clone()).merge(
        Router::new()
            .fallback(|| async { Refusal::plain(Reason::NotFound) })
            .layer(axum::middleware::from_fn_with_state(edge, answer::answer)),
    )
}
