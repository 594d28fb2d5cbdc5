//! `GET /v1/keys`: the keys that there are, and what became of the last calls with each: for whoever sets up a page.
//!
//! **Invariant:** a server key is never told: only browser keys, which any page shows to anybody, and app keys, which are
//! in every copy of an app, are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use hindsight_policy::KeyActivity;
use hindsight_policy::activity::{Accepted, LastCalls, Refused};
use hindsight_schemas::ids::ProjectId;
use hindsight_schemas::problem::{Language, Problem, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Reader;
use crate::access::Caller;
use crate::extract::Params;
use crate::time::rfc3339;

/// The keys of this installation, as far as they may be told.
#[derive(Debug, Clone, Default)]
pub struct ShownKeys {
    /// In the order in which they are listed.
    pub keys: Vec<ShownKey>,
    /// What became of the last calls, where this process takes calls in.
    pub activity: Option<Arc<KeyActivity>>,
}

/// One key.
#[derive(Debug, Clone)]
pub struct ShownKey {
    /// Its name in records and logs.
    pub id: String,
    /// `browser`, `app` or `server`.
    pub kind: &'static str,
    /// For which project.
    pub project: ProjectId,
    /// The key itself, where it is none to be kept secret.
    pub key: Option<String>,
}

/// Query of the list.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct KeysParams {
    /// One project; else all of the caller's.
    project: Option<String>,
}

/// The list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    items: Vec<KeyView>,
    /// Always null: there are few.
    next: Option<String>,
    /// The last call whose key nobody knows.
    unknown_refused: Option<RefusedView>,
    /// Whether this process takes calls in; else it can't say what became of them.
    watched: bool,
}

/// A key and its last calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    id: String,
    kind: &'static str,
    project: String,
    /// Null for server keys.
    key: Option<String>,
    last_accepted: Option<AcceptedView>,
    last_refused: Option<RefusedView>,
}

/// A call that was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedView {
    received_at: String,
    /// Empty where no page sent it.
    origin: String,
    /// Of a recording.
    session_id: Option<String>,
}

/// A call that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedView {
    received_at: String,
    /// Empty where no page sent it.
    origin: String,
    /// From the list shared with metrics and dead letters.
    reason: String,
    title: String,
    detail: String,
}

/// Lists the keys with their last calls.
#[utoipa::path(get, path = "/v1/keys", tag = "administration", params(KeysParams), responses(
    (status = 200, body = KeyList), (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<KeysParams>,
) -> Result<Json<KeyList>, Refusal> {
    let projects = caller.projects(params.project.as_deref())?;
    let language = Language::of(&headers);
    let ShownKeys { keys, activity } = &reader.keys;
    let told = keys.iter().filter(|key| projects.contains(&key.project));
    let items = told.map(|key| {
        let calls = activity.as_ref().map(|activity| activity.of(&key.id));
        view(key, calls.unwrap_or_default(), language)
    });
    let unknown = activity.as_ref().and_then(|activity| activity.unknown().refused);
    Ok(Json(KeyList {
        items: items.collect(),
        next: None,
        unknown_refused: unknown.map(|call| refused(call, language)),
        watched: activity.is_some(),
    }))
}

fn view(key: &ShownKey, calls: LastCalls, language: Language) -> KeyView {
    KeyView {
        id: key.id.clone(),
        kind: key.kind,
        project: key.project.to_string(),
        key: key.key.clone(),
        last_accepted: calls.accepted.map(accepted),
        last_refused: calls.refused.map(|call| refused(call, language)),
    }
}

fn accepted(call: Accepted) -> AcceptedView {
    AcceptedView {
        received_at: rfc3339(call.at_ms),
        origin: call.origin,
        session_id: call.session_id.map(|session| session.to_string()),
    }
}

fn refused(call: Refused, language: Language) -> RefusedView {
    RefusedView {
        received_at: rfc3339(call.at_ms),
        origin: call.origin,
        reason: call.reason.as_str().to_owned(),
        title: language
            .pick(call.reason.title_en(), call.reason.title_zh())
            .to_owned(),
        detail: call.detail.in_language(language).to_owned(),
    }
}
