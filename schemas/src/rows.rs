//! The rows of the analytics tables, one struct for each table of `schemas/clickhouse/`.
//!
//! **Invariant:** each row depends on one log record only (`Session` and the generation rows of `Segment`: on one
//! session generation only), never on the clock or on neighbours, so that a range written twice is equal.
//! Text columns that aren't known are empty. `version` is computed from the position.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::row_binary::{Column, Digest, Micros, Millis, Seconds, row, winning_version};

/// A business id that a session or an audit event names: `Tuple(type, id, by)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// order, policy, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The business id.
    pub id: String,
    /// `page` or `service`: who said so.
    pub by: String,
}

impl Column for Reference {
    fn put(&self, out: &mut Vec<u8>) {
        [&self.kind, &self.id, &self.by]
            .into_iter()
            .for_each(|text| text.put(out));
    }
}

/// What an operation was done to: `Tuple(type, id)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// policy, order, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The target's id.
    pub id: String,
}

impl Column for Target {
    fn put(&self, out: &mut Vec<u8>) {
        self.kind.put(out);
        self.id.put(out);
    }
}

row! {
    /// One meaningful recorder event (a page, click, input, error, ...; not each mouse move).
    pub struct RecorderEvent in "recorder_events" by |row| row.started_at,
        computed { version = winning_version(row.log_partition, row.log_offset) };
    /// The recorded application.
    project: String,
    /// The visit.
    session_id: Uuid,
    /// The time inside the session id.
    started_at: Millis,
    /// The document load.
    tab: String,
    /// The batch in the tab.
    seq: u32,
    /// The event in the batch.
    index: u32,
    /// The event's own time, as the client had it.
    at: Millis,
    /// When the edge received the batch.
    received_at: Micros,
    /// API.md 'kind': page, click, click_target, input, console, network, error, ...
    kind: String,
    /// The page or the request.
    url: String,
    /// The path of `url`.
    path: String,
    /// The page's title.
    title: String,
    /// CSS selector of the clicked element.
    selector: String,
    /// Text of the clicked element.
    text: String,
    /// Client coordinates.
    x: i32,
    /// Client coordinates.
    y: i32,
    /// Console level.
    level: String,
    /// Console or error message.
    message: String,
    /// HTTP method.
    method: String,
    /// HTTP status, 0 = none.
    status: u16,
    /// Length of the request or value of the vital.
    duration_ms: f64,
    /// Name of the track, vital, gap, ...
    name: String,
    /// The payload's remaining fields as JSON text.
    properties: String,
    /// Only where this record tells it.
    user_id: String,
    /// Only where this record tells it.
    device_id: String,
    /// Only where this record tells it.
    source: String,
    /// Only where this record tells it.
    release: String,
    /// From the user agent.
    browser: String,
    /// From the user agent.
    os: String,
    /// From the user agent.
    device: String,
    /// Stamped by the edge.
    country: String,
    /// When the row goes.
    expires_at: Seconds,
    /// The log.
    log_id: Uuid,
    /// Its partition.
    log_partition: u32,
    /// The record in it.
    log_offset: u64,
}

row! {
    /// One accepted batch.
    pub struct Batch in "batches" by |row| row.started_at,
        computed { version = winning_version(row.log_partition, row.log_offset) };
    /// The recorded application.
    project: String,
    /// The visit.
    session_id: Uuid,
    /// The time inside the session id.
    started_at: Millis,
    /// The document load.
    tab: String,
    /// The batch in the tab.
    seq: u32,
    /// Least event time.
    first_at: Millis,
    /// Greatest event time.
    last_at: Millis,
    /// When the edge received it.
    received_at: Micros,
    /// When the log took it.
    appended_at: Millis,
    /// Recorder events in it.
    events: u32,
    /// It holds a Meta + FullSnapshot pair.
    keyframe: bool,
    /// It holds `hindsight.end`.
    ended: bool,
    /// The document's last batch.
    is_final: bool,
    /// Events' text, inflated.
    raw_bytes: u64,
    /// The record's body as stored in the log.
    bytes: u64,
    /// Server time minus client time at sending.
    clock_offset_ms: Option<i64>,
    /// Capture level, L0 to L4.
    level: String,
    /// Over each event's text plus a line feed.
    content_sha256: Digest,
    /// Only where this record tells it.
    user_id: String,
    /// Only where this record tells it.
    user_name: String,
    /// Only where this record tells it.
    device_id: String,
    /// Only where this record tells it.
    source: String,
    /// Only where this record tells it.
    release: String,
    /// From the user agent.
    browser: String,
    /// From the user agent.
    os: String,
    /// From the user agent.
    device: String,
    /// Stamped by the edge.
    country: String,
    /// Only where this record tells it: `1920x1080`.
    screen: String,
    /// The first page of this batch.
    entry_url: String,
    /// Business ids named in it.
    references: Vec<Reference>,
    /// Page loads and page views in it.
    pages: u32,
    /// Clicks in it.
    clicks: u32,
    /// Inputs in it.
    inputs: u32,
    /// Errors in it.
    errors: u32,
    /// When the row goes.
    expires_at: Seconds,
    /// The log.
    log_id: Uuid,
    /// Its partition.
    log_partition: u32,
    /// The record in it.
    log_offset: u64,
}

row! {
    /// One generation of a closed session; the greatest wins.
    pub struct Session in "sessions" by |row| row.id_at;
    /// The recorded application.
    project: String,
    /// The visit.
    session_id: Uuid,
    /// The time inside the session id.
    id_at: Millis,
    /// First event.
    started_at: Millis,
    /// Last event.
    last_at: Millis,
    /// `last_at` minus `started_at`.
    duration_ms: u64,
    /// Time with activity.
    active_ms: u64,
    /// Where the application ran (web, app, ...).
    source: String,
    /// The application's release.
    release: String,
    /// The last user who was identified.
    user_id: String,
    /// That user's name.
    user_name: String,
    /// The device.
    device_id: String,
    /// Business ids, each once.
    references: Vec<Reference>,
    /// The first page.
    entry_url: String,
    /// Pages seen.
    pages: u32,
    /// Documents loaded.
    tabs: u32,
    /// Batches kept.
    batches: u32,
    /// Recorder events kept.
    events: u64,
    /// Clicks.
    clicks: u32,
    /// Inputs.
    inputs: u32,
    /// Errors.
    errors: u32,
    /// Rage clicks.
    rage_clicks: u32,
    /// From the user agent.
    browser: String,
    /// From the user agent.
    os: String,
    /// From the user agent.
    device: String,
    /// `1920x1080`.
    screen: String,
    /// Stamped by the edge.
    country: String,
    /// Events' text, inflated.
    raw_bytes: u64,
    /// What the session takes in the segment store.
    stored_bytes: u64,
    /// stored, complete or damaged.
    state: String,
    /// ok or suspect.
    clock: String,
    /// The session generation, from 1.
    generation: u32,
    /// When it was closed.
    closed_at: Millis,
    /// The partition that carries it.
    log_partition: u32,
    /// When the row goes.
    expires_at: Seconds,
}

row! {
    /// One frame of the replay index. A flush frame has generation 0 and its record's position; a frame of a session
    /// generation has that generation and the position of its first record.
    pub struct Segment in "segments" by |row| row.started_at,
        computed { version = winning_version(row.log_partition, row.log_offset) };
    /// The recorded application.
    project: String,
    /// The visit.
    session_id: Uuid,
    /// The time inside the session id.
    started_at: Millis,
    /// The document load.
    tab: String,
    /// First batch in the frame.
    seq_from: u32,
    /// Last batch in the frame, inclusive.
    seq_to: u32,
    /// Batches between the two that the frame does not hold; empty where `seqs_held` says it.
    seqs_missing: Vec<u32>,
    /// The batches that it holds, where those are fewer than the missing ones.
    seqs_held: Vec<u32>,
    /// Least event time.
    from_at: Millis,
    /// Greatest event time.
    to_at: Millis,
    /// It begins with a keyframe.
    keyframe: bool,
    /// The object's name.
    object: String,
    /// The frame in the object.
    frame: u32,
    /// Where its bytes begin.
    offset: u64,
    /// Its stored bytes.
    bytes: u64,
    /// Its text, inflated.
    raw_bytes: u64,
    /// zstd, ...
    codec: String,
    /// 0 = flush, else the session generation.
    generation: u32,
    /// Recorder events in it.
    events: u32,
    /// The page at its start.
    url: String,
    /// The frame whose bytes are its prefix dictionary, or empty.
    dictionary: String,
    /// Over each event's text plus a line feed.
    content_sha256: Digest,
    /// When the row goes.
    expires_at: Seconds,
    /// The log.
    log_id: Uuid,
    /// Its partition.
    log_partition: u32,
    /// The record in it.
    log_offset: u64,
}

row! {
    /// One audit event.
    pub struct AuditRow in "audit_events" by |row| row.id_at,
        computed { version = winning_version(row.log_partition, row.log_offset) };
    /// The recorded application.
    project: String,
    /// The event.
    id: Uuid,
    /// The time inside the id.
    id_at: Millis,
    /// The id as the sender had it, or empty.
    source_id: String,
    /// When it happened.
    occurred_at: Micros,
    /// When the edge received it.
    received_at: Micros,
    /// policy.update, ...
    action: String,
    /// create, read, update, delete, login, export, approve, other.
    operation: String,
    /// user, service, ...
    actor_type: String,
    /// Who.
    user_id: String,
    /// Their name.
    user_name: String,
    /// Their roles.
    roles: Vec<String>,
    /// What it was done to.
    targets: Vec<Target>,
    /// success or failure.
    outcome: String,
    /// Why it failed.
    error: String,
    /// From where.
    ip: String,
    /// With what.
    user_agent: String,
    /// With what.
    device: String,
    /// The visit, or the nil UUID.
    session_id: Uuid,
    /// The document load.
    tab: String,
    /// The trace.
    trace_id: String,
    /// Business ids.
    references: Vec<Reference>,
    /// Paths that differ between before and after.
    changed: Vec<String>,
    /// `path=value` before.
    was: Vec<String>,
    /// `path=value` after.
    now: Vec<String>,
    /// Numbers of the business.
    measures: BTreeMap<String, f64>,
    /// Retention class.
    class: String,
    /// When the row goes.
    expires_at: Seconds,
    /// The log.
    log_id: Uuid,
    /// Its partition.
    log_partition: u32,
    /// The record in it.
    log_offset: u64,
}

#[cfg(test)]
mod tests {
    use crate::row_binary::Row;

    use super::*;

    #[test]
    fn version_comes_after_the_fields() {
        assert_eq!(Batch::COLUMNS.last(), Some(&"version"));
        assert_eq!(Session::COLUMNS.last(), Some(&"expires_at"));
    }
}
