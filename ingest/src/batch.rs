//! From a checked batch to its record, stamped with what was decided about it (DESIGN.md 4).
//!
//! **Invariant:** the body goes into the record as it is handed over, and the canonical bytes say what it holds.

use hindsight_policy::Key;
use hindsight_policy::project::RECORDINGS_CLASS;
use hindsight_schemas::canonical::{canonical_bytes, hex};
use hindsight_schemas::ids::{BatchId, SessionId, Topic};
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::{Codec, Record, RecordingBatch};
use http::header::ORIGIN;
use http::request::Parts;
use serde::Serialize;

use crate::append::Stamped;
use crate::authorize::{Caller, origin_text};
use crate::client::client;
use crate::edge::Edge;
use crate::scan::Summary;
use crate::stamp::{EARLIEST_MS, Received, record_headers, rfc3339};

/// A batch whose body was checked.
pub(crate) struct Batch {
    pub(crate) id: BatchId,
    pub(crate) codec: Codec,
    pub(crate) is_final: bool,
    pub(crate) sent_at_ms: Option<i64>,
    pub(crate) summary: Summary,
    /// Size of the body, inflated.
    pub(crate) raw_bytes: usize,
    pub(crate) body: Vec<u8>,
}

/// What the canonical bytes of a batch say (DESIGN.md 4).
#[derive(Serialize)]
struct Canonical<'a> {
    project: &'a str,
    session_id: String,
    tab: &'a str,
    seq: u32,
    received_at: String,
    events: usize,
    content_sha256: String,
}

/// Refuses a session whose own time is too far from now.
pub(crate) fn check_session_time(
    edge: &Edge,
    session_id: SessionId,
    import: bool,
    received: Received,
) -> Result<(), Refusal> {
    let limits = &edge.options.limits;
    let now_ms = received.ms();
    let ms = |seconds: u64| i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let earliest = if import {
        EARLIEST_MS
    } else {
        now_ms.saturating_sub(ms(limits.session_age_s))
    };
    let latest = now_ms.saturating_add(ms(limits.session_ahead_s));
    if (earliest..=latest).contains(&session_id.unix_ms()) {
        return Ok(());
    }
    let refusal = Refusal::new(
        Reason::SessionTime,
        format!(
            "the session id's time must lie within {earliest} and {latest} Unix ms (limits.session_age_s, limits.session_ahead_s): start a session anew with now_ms"
        ),
        format!("会话编号的时间须在 {earliest} 与 {latest}（Unix 毫秒）之间：请用 now_ms 重新开始会话"),
    );
    Err(refusal.at_time(now_ms))
}

/// The record of a batch.
pub(crate) fn stamp(
    edge: &Edge,
    parts: &Parts,
    caller: &Caller<'_>,
    received: Received,
    batch: Batch,
) -> Result<Stamped, Refusal> {
    let Batch {
        id,
        codec,
        is_final,
        sent_at_ms,
        summary,
        raw_bytes,
        body,
    } = batch;
    let project = &caller.served.project;
    let client = client(parts, &edge.options);
    let canonical = canonical_bytes(&Canonical {
        project: id.project.as_str(),
        session_id: id.session_id.to_string(),
        tab: id.tab.as_str(),
        seq: id.seq,
        received_at: rfc3339(received.us),
        events: summary.events,
        content_sha256: hex(&summary.content_sha256),
    })
    .expect("texts and small numbers have a canonical form");
    let key = id.log_key();
    let headers = record_headers(&id.project, "hindsight.RecordingBatch", &parts.headers);
    let batch = RecordingBatch {
        project: id.project,
        session_id: id.session_id,
        tab: id.tab,
        seq: id.seq,
        received_at_us: received.us,
        sent_at_ms,
        clock_offset_ms: sent_at_ms.map(|sent| received.ms().saturating_sub(sent)),
        first_at_ms: summary.first_at_ms,
        last_at_ms: summary.last_at_ms,
        events: signed(summary.events),
        raw_bytes: signed(raw_bytes),
        keyframe: summary.keyframe,
        ended: summary.ended,
        is_final,
        layout: summary.layout,
        codec,
        body,
        content_sha256: summary.content_sha256.to_vec(),
        canonical,
        key_id: caller.key.id.clone(),
        key_kind: caller.key.kind,
        level: project.recording.level.as_str().to_owned(),
        retention_class: RECORDINGS_CLASS.to_owned(),
        expires_at_s: project
            .expires_at_s(RECORDINGS_CLASS, received.s())
            .ok_or_else(|| Refusal::plain(Reason::Internal))?,
        rules_version: project.rules_version,
        source: project.source.clone(),
        device: String::new(),
        client_ip: client.ip,
        user_agent: client.user_agent,
        country: client.country,
        encryption_key_id: String::new(),
        encryption_suite: String::new(),
    };
    Ok(Stamped {
        topic: Topic::Recordings,
        key,
        record: Record::Recording(batch),
        headers,
    })
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).expect("counts of what is in memory fit")
}

/// Remembers that the log holds a call with a key, for who sets up a page.
pub(crate) fn note_accepted(
    edge: &Edge,
    parts: &Parts,
    key: &Key,
    received: Received,
    session_id: SessionId,
) {
    let origin = parts.headers.get(ORIGIN).map_or("", origin_text);
    edge.activity
        .accepted(&key.id, received.ms(), origin, Some(session_id));
}
