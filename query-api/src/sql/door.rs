//! The read-only ClickHouse-HTTP door: an analyst's own client, any user name, the API token as password.
//!
//! **Invariant:** the same guard, projects and limits as `POST /v1/sql`; settings that a client sends are dropped.
//! Errors are in ClickHouse's form (`X-ClickHouse-Exception-Code`), since its clients read that.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query as Params, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hindsight_schemas::reason::Reason;

use super::guard::STATEMENT_BYTES;
use super::run::{Ask, run};
use super::statement::bound;
use crate::Reader;
use crate::extract::Sent;
use hindsight_schemas::problem::Refusal;

/// The format of ClickHouse where nothing is said.
const DEFAULT_FORMAT: &str = "TabSeparated";
const AUTHENTICATION_FAILED: i32 = 516;
const ACCESS_DENIED: i32 = 497;
const SYNTAX_ERROR: i32 = 62;

/// The routes of the door's own listener.
pub fn door(reader: Arc<Reader>) -> Router {
    Router::new()
        .route("/ping", get(async || "Ok.\n"))
        .route("/", get(answer).post(answer))
        .layer(DefaultBodyLimit::max(STATEMENT_BYTES * 2))
        .with_state(reader)
}

async fn answer(
    State(reader): State<Arc<Reader>>,
    Params(params): Params<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Result<Sent, Refusal>,
) -> Response {
    let body = match body {
        Ok(Sent(body)) => body,
        Err(refusal) => return refused(&refusal),
    };
    let value = |wanted: &str| {
        params
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    if params.is_empty() && body.is_empty() {
        return "Ok.\n".into_response();
    }
    if !password(&headers, value("password")).is_some_and(|token| reader.access.admits(&token)) {
        let message = "Authentication failed: send the API token as password";
        return exception(StatusCode::UNAUTHORIZED, AUTHENTICATION_FAILED, message);
    }
    let text = [
        value("query").unwrap_or_default(),
        &String::from_utf8_lossy(&body),
    ]
    .join("\n")
    .trim()
    .to_owned();
    let header = headers
        .get("x-clickhouse-format")
        .and_then(|value| value.to_str().ok());
    let format = value("default_format")
        .or(header)
        .unwrap_or(DEFAULT_FORMAT)
        .to_owned();
    let ask = Ask {
        text,
        params: bound(&params),
        format,
    };
    match run(&reader, reader.access.projects(), ask).await {
        Ok(response) => response,
        Err(error) => refused(&error),
    }
}

fn password(headers: &HeaderMap, parameter: Option<&str>) -> Option<String> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let basic = header(AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.to_owned());
        }
        let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        pair.split_once(':').map(|(_, password)| password.to_owned())
    });
    basic
        .or_else(|| header("x-clickhouse-key"))
        .or_else(|| parameter.map(str::to_owned))
}

fn refused(error: &Refusal) -> Response {
    let status = StatusCode::from_u16(error.reason().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = if error.reason() == Reason::SqlRefused {
        ACCESS_DENIED
    } else {
        SYNTAX_ERROR
    };
    exception(status, code, &error.to_string())
}

fn exception(status: StatusCode, code: i32, message: &str) -> Response {
    let name = axum::http::HeaderName::from_static("x-clickhouse-exception-code");
    let text = format!("Code: {code}. DB::Exception: {message}\n");
    (status, [(name, code.to_string())], text).into_response()
}
