//! What posthog-js is told: what to record, in its words, and that there are no flags.
//!
//! Its analytics events (`/e/`) are answered as kept, though they aren't: a refusal would show as an error in the page.
//! They are counted as `hindsight_edge_posthog_dropped_total`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use hindsight_policy::Recording;
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::record::KeyKind;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::snapshots::{TAKEN, Taken};
use crate::authorize::{Door, authorize};
use crate::body;
use crate::edge::Edge;
use crate::sender::{NamedKey, NamedRefusal};

const DOOR: Door = Door {
    kinds: &[KeyKind::Browser, KeyKind::App],
    origin_may_be_absent: true,
};
const MAX_AGE: HeaderValue = HeaderValue::from_static("max-age=60");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// `GET /array/{token}/config`
pub(super) async fn config(
    State(edge): State<Arc<Edge>>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, NamedRefusal> {
    let (_, config) = remote_config(&edge, &headers, token)?;
    Ok(([(header::CACHE_CONTROL, MAX_AGE)], Json(config)).into_response())
}

/// `GET /array/{token}/config.js`: the same as a script, which is what the usual build asks for first.
pub(super) async fn script(
    State(edge): State<Arc<Edge>>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, NamedRefusal> {
    let (token, config) = remote_config(&edge, &headers, token)?;
    let entry = json!({"config": config, "siteApps": []});
    // Both are JSON made here, and in a file of its own no `</script>` can end it.
    let script = format!(
        "(window._POSTHOG_REMOTE_CONFIG ||= {{}})[{}] = {entry};\n",
        json!(token)
    );
    let headers = [
        (header::CONTENT_TYPE, SCRIPT),
        (header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING),
        (header::CACHE_CONTROL, MAX_AGE),
    ];
    Ok((headers, script).into_response())
}

/// `POST /flags/` and, of older releases, `/decide/`.
pub(super) async fn no_flags(request: Request) -> Json<Value> {
    body::discard(request.into_body()).await;
    Json(json!({
        "flags": {}, "featureFlags": {}, "featureFlagPayloads": {}, "errorsWhileComputingFlags": false,
        "supportedCompression": ["gzip-js"], "autocapture_opt_out": true,
        "sessionRecording": {"endpoint": "/s/", "recorderVersion": "v2"},
    }))
}

/// `POST /e/`
pub(super) async fn not_kept(request: Request) -> Json<Taken> {
    body::discard(request.into_body()).await;
    metrics::counter!("hindsight_edge_posthog_dropped_total").increment(1);
    Json(TAKEN)
}

/// The key that the path names, and what is to be recorded with it.
fn remote_config(
    edge: &Edge,
    headers: &HeaderMap,
    token: Result<Path<String>, PathRejection>,
) -> Result<(String, Value), NamedRefusal> {
    let named = NamedKey::default();
    let Path(token) = token.map_err(|error| named.clone().refused(Refusal::path(error.body_text())))?;
    named.say(token.as_str());
    let caller = authorize(edge, headers, Some(&token), &DOOR).map_err(|refusal| named.refused(refusal))?;
    let told = in_its_words(&token, &caller.served.project.recording);
    Ok((token, told))
}

fn in_its_words(token: &str, recording: &Recording) -> Value {
    json!({
        "token": token,
        "supportedCompression": ["gzip-js"],
        "hasFeatureFlags": false,
        "autocapture_opt_out": true,
        "autocaptureExceptions": false,
        "captureDeadClicks": false,
        "capturePerformance": false,
        "defaultIdentifiedOnly": true,
        "heatmaps": false,
        "surveys": false,
        "siteApps": [],
        "isAuthenticated": false,
        "toolbarParams": {},
        "sessionRecording": session_recording(recording),
    })
}

/// The project's settings as posthog-js knows them. What it has no word for (pages, levels, throttles) it doesn't do.
fn session_recording(recording: &Recording) -> Value {
    json!({
        "endpoint": "/s/",
        "recorderVersion": "v2",
        "sampleRate": recording.sample.to_string(),
        "minimumDurationMilliseconds": recording.minimum_duration_ms,
        "consoleLogRecordingEnabled": false,
        "recordCanvas": false,
        "linkedFlag": null,
        "networkPayloadCapture": null,
        "urlTriggers": [],
        "urlBlocklist": [],
        "eventTriggers": [],
        "masking": {
            "maskAllInputs": recording.mask_inputs,
            "maskTextSelector": recording.mask_selector,
            "blockSelector": recording.block_selector,
        },
    })
}
