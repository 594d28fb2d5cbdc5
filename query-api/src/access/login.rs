//! Signing in and out of the console.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse};
use hindsight_schemas::reason::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Caller;
use super::cookie::Signer;
use crate::Reader;
use crate::extract::Sent;
use hindsight_schemas::problem::{Problem, Refusal};

/// What a sign-in sends.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Login {
    /// `admin_token` of credentials.json.
    token: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The user's name.
    user: &'static str,
    /// What they are.
    roles: Vec<&'static str>,
    /// What they may read.
    projects: Vec<String>,
}

/// Signs in: sets the console's cookie.
#[utoipa::path(post, path = "/v1/login", tag = "access", request_body = Login, responses(
    (status = 204, description = "the cookie is set"),
    (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn login(
    State(reader): State<Arc<Reader>>,
    Sent(body): Sent,
) -> Result<impl IntoResponse, Refusal> {
    let login: Login = serde_json::from_slice(&body).map_err(|error| {
        Refusal::new(
            Reason::MalformedRequest,
            format!("send {{\"token\": ...}}: {error}"),
            "请发送 {\"token\": ...}",
        )
    })?;
    if !reader.access.admits(login.token.trim()) {
        return Err(Refusal::new(
            Reason::UnknownKey,
            "this is not the admin token of credentials.json",
            "这不是 credentials.json 中的 admin_token",
        ));
    }
    Ok((
        StatusCode::NO_CONTENT,
        AppendHeaders([(SET_COOKIE, reader.access.cookies.set())]),
    ))
}

/// Signs out: clears the console's cookie.
#[utoipa::path(post, path = "/v1/logout", tag = "access", responses((status = 204, description = "the cookie is gone")))]
pub(crate) async fn logout() -> impl IntoResponse {
    (
        StatusCode::NO_CONTENT,
        AppendHeaders([(SET_COOKIE, Signer::clear())]),
    )
}

/// Says who is signed in.
#[utoipa::path(get, path = "/v1/me", tag = "access", responses((status = 200, body = Me), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn me(caller: Caller) -> Json<Me> {
    Json(Me {
        user: "admin",
        roles: vec!["admin"],
        projects: caller.projects.iter().map(ToString::to_string).collect(),
    })
}
