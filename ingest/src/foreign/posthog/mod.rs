//! posthog-js with `api_host` set to this edge, and a browser key as its token: it asks what to record, and sends it.
//!
//! | its call | answered by |
//! |---|---|
//! | `GET /array/{token}/config`, `/array/{token}/config.js` | [`told`]: the project's recording settings in its words |
//! | `POST /flags/`, `/decide/` | [`told`]: no flags |
//! | `POST /s/` | [`snapshots`]: kept |
//! | `POST /e/`, `/i/v0/e/` | [`told`]: its analytics aren't kept; counted, so that nothing disappears silently |
//!
//! Only `/s/` is in the OpenAPI document: the others exist for that one program, in its own shapes.

mod call;
pub(crate) mod snapshots;
mod told;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::edge::Edge;
use crate::{method, preflight};

/// Its calls.
pub(crate) fn routes() -> Router<Arc<Edge>> {
    let nothing = || post(told::no_flags).options(preflight).fallback(method);
    let dropped = || post(told::not_kept).options(preflight).fallback(method);
    Router::new()
        .route("/s/", post(snapshots::post).options(preflight).fallback(method))
        .route(
            "/array/{token}/config",
            get(told::config).options(preflight).fallback(method),
        )
        .route("/array/{token}/config.js", get(told::script).fallback(method))
        .route("/flags/", nothing())
        .route("/decide/", nothing())
        .route("/e/", dropped())
        .route("/i/v0/e/", dropped())
}
