//! `GET /v1/config`: what the recorder records, and the limits.
//!
//! The ETag covers all but `now_ms`, so a recorder asks often and is told little.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use hindsight_schemas::canonical::{hex, sha256};
use hindsight_schemas::record::KeyKind;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::authorize::{Door, authorize};
use crate::edge::Edge;
use crate::options::Limits;
use crate::stamp::Received;
use hindsight_schemas::problem::{Problem, Refusal};

const DOOR: Door = Door {
    kinds: &[KeyKind::Browser, KeyKind::App, KeyKind::Server],
    origin_may_be_absent: true,
};
const MAX_AGE: &str = "max-age=60";
const TAG_DIGITS: usize = 16;

/// Query of the configuration.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(crate) struct Params {
    /// A browser or app key; servers send theirs as `Authorization: Bearer`.
    key: Option<String>,
}

/// What a recorder is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Config {
    /// The project.
    project: String,
    /// The application's name.
    source: String,
    /// Pages, sampling, masking, throttling, level, keyframes.
    #[schema(value_type = Object)]
    recording: Value,
    /// The limits.
    limits: SenderLimits,
    /// Counts up with each change of the rules.
    rules_version: i64,
}

/// Limits that a sender meets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SenderLimits {
    /// Largest record.
    record_bytes: usize,
    /// Largest body after inflating.
    inflated_bytes: usize,
    /// Most audit events in a call.
    audit_events: usize,
    /// Largest audit event.
    audit_event_bytes: usize,
    /// How far back a session id's time may lie.
    session_age_s: u64,
    /// How far ahead it may lie.
    session_ahead_s: u64,
}

impl From<&Limits> for SenderLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            record_bytes: limits.record_bytes,
            inflated_bytes: limits.inflated_bytes,
            audit_events: limits.audit_events,
            audit_event_bytes: limits.audit_event_bytes,
            session_age_s: limits.session_age_s,
            session_ahead_s: limits.session_ahead_s,
        }
    }
}

/// The configuration and the server's time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigNow {
    #[serde(flatten)]
    config: Config,
    /// The server's time, Unix milliseconds.
    now_ms: i64,
}

/// Tells a recorder what to record.
#[utoipa::path(
    get,
    path = "/v1/config",
    tag = "writing",
    params(Params),
    responses(
        (status = 200, description = "what to record", body = ConfigNow),
        (status = 304, description = "as If-None-Match says"),
        (status = 400, description = "malformed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "unknown key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "wrong kind of key or origin", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "drain", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn get(
    State(edge): State<Arc<Edge>>,
    params: Result<Query<Params>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Query(params) = params.map_err(|error| Refusal::query(error.body_text()))?;
    let caller = authorize(&edge, &headers, params.key.as_deref(), &DOOR)?;
    let project = &caller.served.project;
    let config = Config {
        project: project.id.to_string(),
        source: project.source.clone(),
        recording: serde_json::to_value(&project.recording).expect("settings are JSON"),
        limits: SenderLimits::from(&edge.options.limits),
        rules_version: project.rules_version,
    };
    let tag = tag_of(&config);
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().is_ok_and(|tags| {
            tags.split(',')
                .any(|each| each.trim() == tag || each.trim() == "*")
        })
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        axum::Json(ConfigNow {
            config,
            now_ms: Received::now().ms(),
        })
        .into_response()
    };
    let headers = response.headers_mut();
    headers.insert(
        header::ETAG,
        HeaderValue::from_str(&tag).expect("hexadecimal digits are ASCII"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(MAX_AGE));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, Origin"));
    Ok(response)
}

/// A weak tag: `now_ms` differs between two answers with the same tag.
fn tag_of(config: &Config) -> String {
    let digest = hex(&sha256(&serde_json::to_vec(config).expect("settings are JSON")));
    format!("W/\"{}\"", &digest[..TAG_DIGITS])
}
