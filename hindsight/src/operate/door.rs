//! Operators' questions over HTTP, for the process that holds a data folder. The admin token is asked of every call.

use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hindsight_policy::SecretHash;
use hindsight_schemas::bearer::token;
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;
use serde::Serialize;

use super::Asked;
use super::letters::LetterId;

/// Where the calls are.
pub(super) const LAG: &str = "/operations/lag";
/// Below it `{partition}/{offset}` is one letter, and `{partition}/{offset}/resend` sends its record again.
pub(super) const LETTERS: &str = "/operations/dead-letters";

/// What long work there is.
pub(super) const JOBS: &str = "/operations/jobs";

type Here = State<Arc<Asked>>;

/// The routes, over engines that this process holds.
pub(crate) fn door(asked: Asked, admin_token: &str) -> Router {
    let letter = format!("{LETTERS}/{{partition}}/{{offset}}");
    Router::new()
        .route(LAG, get(lag))
        .route(LETTERS, get(letters))
        .route(JOBS, get(jobs))
        .route(&letter, get(one_letter))
        .route(&format!("{letter}/resend"), post(resend))
        .with_state(Arc::new(asked))
        .route_layer(from_fn_with_state(SecretHash::of(admin_token), admit))
}

async fn lag(State(asked): Here) -> Response {
    answer(asked.lag().await)
}

async fn letters(State(asked): Here) -> Response {
    answer(asked.letters().await)
}

async fn jobs(State(asked): Here) -> Response {
    answer(asked.jobs().await)
}

async fn one_letter(State(asked): Here, Path(place): Path<(u32, u64)>) -> Response {
    answer(asked.letter(place.into()).await)
}

async fn resend(State(asked): Here, Path(place): Path<(u32, u64)>) -> Response {
    answer(asked.resend(place.into()).await)
}

impl From<(u32, u64)> for LetterId {
    fn from((partition, offset): (u32, u64)) -> Self {
        Self { partition, offset }
    }
}

fn answer<E: Display>(found: Result<impl Serialize, E>) -> Response {
    match found {
        Ok(found) => Json(found).into_response(),
        Err(error) => {
            let words = format!("{error:#}");
            Refusal::new(Reason::EngineAway, words.clone(), words).into_response()
        }
    }
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
