//! `GET /v1/replays/{session_id}`: what a player needs to know before it asks for events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures::future::try_join;
use hindsight_engines::segments::{Manifest, ManifestFrame};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::gaps::{GapView, gaps, told};
use super::{whole, whose};
use crate::Reader;
use crate::access::Caller;
use crate::extract::{Params, Path};
use crate::sessions::SessionFacts;
use hindsight_schemas::problem::{Problem, Refusal};

/// The major version of rrweb whose player shows what is kept.
const PLAYER_VERSION: &str = "2";

/// Which frames to list.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct WindowParams {
    /// One of the caller's projects.
    project: Option<String>,
    /// Frames that end at or behind this moment, Unix milliseconds.
    from_ms: Option<i64>,
    /// Frames that begin before this moment, Unix milliseconds.
    to_ms: Option<i64>,
}

/// A document load.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TabView {
    tab: String,
    from_ms: i64,
    to_ms: i64,
    events: u64,
}

/// A frame.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FrameView {
    frame: String,
    tab: String,
    from_ms: i64,
    to_ms: i64,
    seq_from: u32,
    seq_to: u32,
    keyframe: bool,
    events: u32,
    bytes: u64,
    raw_bytes: u64,
    url: String,
    dictionary: Option<String>,
}

/// A body that lost to another under one identity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConflictView {
    tab: String,
    seq: u32,
    content_sha256: String,
    log_offset: u64,
}

/// From one moment to another, Unix milliseconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntervalView {
    from_ms: i64,
    to_ms: i64,
}

/// What a session consists of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManifestView {
    session: SessionFacts,
    tabs: Vec<TabView>,
    frames: Vec<FrameView>,
    gaps: Vec<GapView>,
    conflicts: Vec<ConflictView>,
    inactive: Vec<IntervalView>,
    state: &'static str,
    started_at_ms: i64,
    duration_ms: i64,
    player_version: &'static str,
}

/// The manifest of a session's replay.
#[utoipa::path(get, path = "/v1/replays/{session_id}", tag = "replays", params(("session_id" = String, Path), WindowParams), responses(
    (status = 200, body = ManifestView), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json"), (status = 422, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn manifest(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Path(session): Path<String>,
    Params(window): Params<WindowParams>,
) -> Result<Json<ManifestView>, Refusal> {
    let of = whose(&reader, &caller, window.project.as_deref(), &session).await?;
    // Neither needs the other, and somebody waits in front of a player.
    let (manifest, told) = try_join(whole(&reader, &of), told(&reader, &of)).await?;
    let gaps = gaps(&manifest, told);
    Ok(Json(view(of.facts, &manifest, gaps, &window)))
}

fn view(
    session: SessionFacts,
    manifest: &Manifest,
    gaps: Vec<GapView>,
    window: &WindowParams,
) -> ManifestView {
    let wanted = |frame: &&ManifestFrame| {
        window.from_ms.is_none_or(|from| frame.described.to_ms >= from)
            && window.to_ms.is_none_or(|to| frame.described.from_ms < to)
    };
    let tabs = manifest.tabs.iter().map(|tab| TabView {
        tab: tab.tab.to_string(),
        from_ms: tab.span.from_ms,
        to_ms: tab.span.to_ms,
        events: tab.events,
    });
    let conflicts = manifest.conflicts.iter().map(|conflict| ConflictView {
        tab: conflict.tab.to_string(),
        seq: conflict.seq,
        content_sha256: hindsight_schemas::canonical::hex(&conflict.content_sha256.0),
        log_offset: conflict.position.offset,
    });
    let inactive = manifest.inactive.iter().map(|part| IntervalView {
        from_ms: part.from_ms,
        to_ms: part.to_ms,
    });
    ManifestView {
        session,
        tabs: tabs.collect(),
        frames: manifest.frames.iter().filter(wanted).map(frame_view).collect(),
        gaps,
        conflicts: conflicts.collect(),
        inactive: inactive.collect(),
        state: manifest.state.as_str(),
        started_at_ms: manifest.span.from_ms,
        duration_ms: manifest.span.to_ms - manifest.span.from_ms,
        player_version: PLAYER_VERSION,
    }
}

fn frame_view(frame: &ManifestFrame) -> FrameView {
    let described = &frame.described;
    let seqs = || described.runs.iter().map(|run| run.seq);
    FrameView {
        frame: frame.id.to_string(),
        tab: described.tab.to_string(),
        from_ms: described.from_ms,
        to_ms: described.to_ms,
        seq_from: seqs().min().unwrap_or(0),
        seq_to: seqs().max().unwrap_or(0),
        keyframe: frame.keyframe(),
        events: described.events,
        bytes: described.bytes,
        raw_bytes: described.raw_bytes,
        url: described.url.clone(),
        dictionary: frame.dictionary().map(|id| id.to_string()),
    }
}
