//! Operators' questions over HTTP, for the process that holds a data folder. The admin token is asked of every call.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hindsight_engines::log::{ConsumerError, EventLog};
use hindsight_policy::SecretHash;
use hindsight_schemas::bearer::token;
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;

use super::lag;

/// Where the calls are.
pub(super) const LAG: &str = "/operations/lag";

type Log = Arc<dyn EventLog>;

/// The routes, over a log that this process holds.
pub(crate) fn door(log: Log, admin_token: &str) -> Router {
    Router::new()
        .route(LAG, get(lag))
        .with_state(log)
        .route_layer(from_fn_with_state(SecretHash::of(admin_token), admit))
}

async fn lag(State(log): State<Log>) -> Response {
    match lag::look(&*log).await {
        Ok(lanes) => Json(lanes).into_response(),
        Err(error) => away(&error).into_response(),
    }
}

fn away(error: &ConsumerError) -> Refusal {
    Refusal::new(Reason::LogUnavailable, error.to_string(), error.to_string())
}

async fn admit(State(admin): State<SecretHash>, request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(token);
    if given.is_some_and(|token| admin.matches(token)) {
        return next.run(request).await;
    }
    let refusal = Refusal::new(
        Reason::UnknownKey,
        "send the admin token of credentials.json as Authorization: Bearer",
        "请以 Authorization: Bearer 发送 credentials.json 中的 admin_token",
    );
    refusal.into_response()
}
