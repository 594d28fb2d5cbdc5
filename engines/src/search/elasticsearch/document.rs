//! From search documents to Elasticsearch's, and back from what it stored.
//!
//! **Invariants:** empty values are left out, so `field:*` finds what has a value. Texts are cut into words here,
//! by [`tokens`](super::super::tokens), and joined by spaces for the `whitespace` analyzer: both engines search
//! the same words, whatever analyzers a server has.

use std::net::IpAddr;

use hindsight_schemas::canonical::hex;
use hindsight_schemas::documents::{ActivityDocument, AuditDocument, Texts};
use hindsight_schemas::ids::{ProjectId, SessionId};
use serde::{Deserialize, Serialize};

use super::super::cursor::project_hash;
use super::super::tokens::{self, Spans};
use super::super::{SearchError, place};

/// The kinds of documents.
pub(super) const AUDIT: &str = "audit";
pub(super) const ACTIVITY: &str = "activity";
pub(super) const STUB: &str = "stub";

/// What is left of something erased.
pub(super) const STUB_BODY: &[u8] = br#"{"kind":"stub"}"#;

/// What tells who has an id.
pub(super) const IDENTITY: [&str; 3] = ["kind", "content_sha256", "position"];

#[derive(Serialize)]
struct AuditBody<'a> {
    kind: &'static str,
    #[serde(rename = "@timestamp")]
    timestamp_ms: i64,
    project: &'a ProjectId,
    project_hash: String,
    id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    source_id: &'a str,
    occurred_at_us: i64,
    received_at_us: i64,
    expires_at_s: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    action: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    operation: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    role: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    target: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    target_type: Vec<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "str::is_empty")]
    session: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reference: Vec<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    class: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    was: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    now: Vec<&'a str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    device: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    source: &'a str,
    content_sha256: String,
    position: String,
}

/// An audit event as a line of a bulk.
pub(super) fn audit(document: &AuditDocument, line: &mut Vec<u8>) -> Result<(), SearchError> {
    let body = AuditBody {
        kind: AUDIT,
        timestamp_ms: document.occurred_at_us.div_euclid(1000),
        project: &document.project,
        project_hash: hash_text(document.project.as_str()),
        id: document.id.to_string(),
        source_id: &document.source_id,
        occurred_at_us: document.occurred_at_us,
        received_at_us: document.received_at_us,
        expires_at_s: document.expires_at_s,
        action: &document.action,
        operation: &document.operation,
        user_id: &document.user_id,
        user_name: &document.user_name,
        role: filled(&document.roles),
        target: filled(&document.target),
        target_type: filled(&document.target_type),
        outcome: &document.outcome,
        ip: document.ip,
        session: &document.session,
        trace: &document.trace,
        reference: filled(&document.reference),
        class: &document.class,
        changed: filled(&document.changed),
        was: filled(&document.was),
        now: filled(&document.now),
        error: words(&document.error),
        device: words(&document.device),
        text: words(&document.text),
        source: &document.source,
        content_sha256: hex(&document.content_sha256),
        position: place::text(document.position),
    };
    json(&body, line)
}

#[derive(Serialize)]
struct ActivityBody<'a> {
    kind: &'static str,
    #[serde(rename = "@timestamp")]
    timestamp_ms: i64,
    project: &'a ProjectId,
    project_hash: String,
    session: String,
    session_key: String,
    tab: &'a str,
    seq: u32,
    started_at_ms: i64,
    ended_at_ms: i64,
    received_at_us: i64,
    expires_at_s: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reference: Vec<String>,
    urls: &'a Texts,
    titles: &'a Texts,
    clicked: &'a Texts,
    errors: &'a Texts,
    user_ids: &'a Texts,
    /// Each text a value of its own, so that a phrase doesn't run from one into the next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    text: Vec<String>,
    content_sha256: String,
    position: String,
}

/// A batch as a line of a bulk.
pub(super) fn activity(document: &ActivityDocument, line: &mut Vec<u8>) -> Result<(), SearchError> {
    let project = &document.batch.project;
    let body = ActivityBody {
        kind: ACTIVITY,
        timestamp_ms: document.last_at_ms,
        project,
        project_hash: hash_text(project.as_str()),
        session: document.session_id().to_string(),
        session_key: session_key(project, document.session_id()),
        tab: document.batch.tab.as_str(),
        seq: document.batch.seq,
        started_at_ms: document.first_at_ms,
        ended_at_ms: document.last_at_ms,
        received_at_us: document.received_at_us,
        expires_at_s: document.expires_at_s,
        reference: document.reference_names(),
        urls: &document.urls,
        titles: &document.titles,
        clicked: &document.clicked,
        errors: &document.errors,
        user_ids: &document.user_ids,
        text: document.texts().map(words).collect(),
        content_sha256: hex(&document.content_sha256),
        position: place::text(document.position),
    };
    json(&body, line)
}

/// One value for a visit, by which its batches are gathered.
pub(super) fn session_key(project: &ProjectId, session: SessionId) -> String {
    format!("{project}/{session}")
}

/// [`project_hash`] so that its text sorts as its number.
pub(super) fn hash_text(project: &str) -> String {
    format!("{:016x}", project_hash(project))
}

/// The words of a text, with a space between them.
pub(super) fn words(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for (from, to) in Spans::new(text) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        tokens::push_word(&mut joined, &text[from..to]);
    }
    joined
}

fn filled(values: &[String]) -> Vec<&str> {
    let values = values.iter().map(String::as_str);
    values.filter(|value| !value.is_empty()).collect()
}

fn json(body: &impl Serialize, line: &mut Vec<u8>) -> Result<(), SearchError> {
    serde_json::to_writer(line, body)
        .map_err(|error| SearchError::Engine(format!("document can't be written: {error}")))
}

/// What is under an id, as stored.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StoredIdentity {
    pub(super) kind: String,
    #[serde(default)]
    pub(super) content_sha256: String,
    #[serde(default)]
    pub(super) position: String,
}

/// What a page shows of an audit event.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StoredAudit {
    pub(super) project: ProjectId,
    pub(super) id: hindsight_schemas::ids::AuditId,
    pub(super) occurred_at_us: i64,
    pub(super) position: String,
    pub(super) source: String,
}

/// What a page shows of a visit.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StoredActivity {
    pub(super) project: ProjectId,
    pub(super) session: SessionId,
    pub(super) ended_at_ms: i64,
}
