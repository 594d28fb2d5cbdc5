//! Audit events and batches for the checks: each has a name, which is found again in what an engine stored.

use hindsight_schemas::audit::{Actor, AuditEvent, Operation, Origin, Outcome, Target};
use hindsight_schemas::canonical::{canonical_bytes, sha256};
use hindsight_schemas::documents::AuditDocument;
use hindsight_schemas::ids::{AuditId, Position, ProjectId, Reference, SessionId};
use hindsight_schemas::record::{AuditRecord, Codec, KeyKind, Layout, RecordingBatch};
use serde_json::{Map, Value, json};

use super::super::moment::rfc3339;

/// 2026-11-22T00:00:00Z and so many seconds.
pub(super) fn time_us(second: u64) -> i64 {
    1_795_305_600_000_000 + i64::try_from(second).expect("small") * 1_000_000
}

/// An audit event that is being made.
#[derive(Debug, Clone)]
pub struct Event {
    event: AuditEvent,
    second: u64,
    position: Position,
}

impl Event {
    /// An event at so many seconds after the checks' midnight. Its id sorts by time, then by name.
    pub(super) fn new(name: &str, second: u64) -> Self {
        let mut bits = [0; 10];
        bits[2..].copy_from_slice(&sha256(name.as_bytes())[..8]);
        let letters = name.as_bytes();
        bits[..2].copy_from_slice(&[letters[0] & 0x0f, *letters.get(1).unwrap_or(&0)]);
        let id = AuditId::from_parts(u64::try_from(time_us(second) / 1000).expect("after 1970"), bits);
        let event = AuditEvent {
            id,
            project: "placeholder".parse().expect("is a project id"),
            source_id: format!("source {name}"),
            occurred_at: rfc3339(time_us(second)),
            received_at: rfc3339(time_us(second)),
            action: "act".into(),
            operation: Operation::Other,
            actor: Actor::default(),
            targets: Vec::new(),
            outcome: Outcome::Success,
            error: None,
            request: Value::Null,
            response: Value::Null,
            before: Value::Null,
            after: Value::Null,
            measures: Map::new(),
            origin: Origin::default(),
            session_id: None,
            tab: None,
            trace_id: None,
            references: Vec::new(),
            class: "audit".into(),
            extra: Map::new(),
        };
        Self {
            event,
            second,
            position: super::position(0),
        }
    }

    pub(super) fn at(mut self, position: Position) -> Self {
        self.position = position;
        self
    }

    pub(super) fn action(mut self, action: &str, operation: Operation) -> Self {
        (self.event.action, self.event.operation) = (action.into(), operation);
        self
    }

    pub(super) fn actor(mut self, id: &str, name: &str, roles: &[&str]) -> Self {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self.event.actor = Actor {
            kind: "user".into(),
            id: id.into(),
            name: name.into(),
            roles,
        };
        self
    }

    pub(super) fn target(mut self, kind: &str, id: &str) -> Self {
        self.event.targets.push(Target {
            kind: kind.into(),
            id: id.into(),
            name: String::new(),
        });
        self
    }

    pub(super) fn reference(mut self, kind: &str, id: &str) -> Self {
        self.event.references.push(Reference {
            kind: kind.into(),
            id: id.into(),
        });
        self
    }

    pub(super) fn failed(mut self, error: &str) -> Self {
        (self.event.outcome, self.event.error) = (Outcome::Failure, Some(error.into()));
        self
    }

    pub(super) fn from(mut self, ip: &str, device: &str) -> Self {
        self.event.origin = Origin {
            ip: ip.into(),
            user_agent: String::new(),
            device: device.into(),
        };
        self
    }

    pub(super) fn states(mut self, before: Value, after: Value) -> Self {
        (self.event.before, self.event.after) = (before, after);
        self
    }

    pub(super) fn session(mut self, session: SessionId) -> Self {
        self.event.session_id = Some(session.to_string());
        self
    }

    pub(super) fn trace(mut self, trace: &str, class: &str) -> Self {
        (self.event.trace_id, self.event.class) = (Some(trace.into()), class.into());
        self
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.event.request = json!({ "note": text });
        self
    }

    /// The document, by way of the record that the edge would have made.
    pub fn document(mut self, project: &ProjectId) -> AuditDocument {
        self.event.project = project.clone();
        let event = &self.event;
        let record = AuditRecord {
            project: project.clone(),
            id: event.id,
            source_id: event.source_id.clone(),
            occurred_at_us: time_us(self.second),
            received_at_us: time_us(self.second),
            session_id: event.session_id.clone().unwrap_or_default(),
            tab: String::new(),
            trace_id: event.trace_id.clone().unwrap_or_default(),
            canonical: canonical_bytes(event).expect("events have a canonical form"),
            key_id: "key".into(),
            key_kind: KeyKind::Server,
            retention_class: event.class.clone(),
            expires_at_s: 4_000_000_000,
            rules_version: 1,
            masked: Vec::new(),
            source: String::new(),
            device: String::new(),
            clock_offset_ms: None,
            encryption_key_id: String::new(),
            encryption_suite: String::new(),
        };
        AuditDocument::new(record, self.position).expect("an event gives a document")
    }
}

/// The name of an event that was stored.
pub(super) fn name_of(source: &str) -> String {
    let event: AuditEvent = serde_json::from_str(source).expect("the source is an event");
    event
        .source_id
        .strip_prefix("source ")
        .expect("as made above")
        .to_owned()
}

/// A batch of a session; its events lie in second `seq`.
pub(super) fn batch(project: &ProjectId, session: u8, seq: u32) -> RecordingBatch {
    let at_ms = time_us(u64::from(seq)) / 1000;
    RecordingBatch {
        project: project.clone(),
        session_id: SessionId::from_parts(1_795_305_600_000, [session; 10]),
        tab: "tab".parse().expect("is a tab"),
        seq,
        received_at_us: at_ms * 1000,
        sent_at_ms: None,
        clock_offset_ms: None,
        first_at_ms: at_ms,
        last_at_ms: at_ms + 500,
        events: 1,
        raw_bytes: 2,
        keyframe: false,
        ended: false,
        is_final: false,
        layout: Layout::JsonArray,
        codec: Codec::Identity,
        body: b"[]".to_vec(),
        content_sha256: sha256(&seq.to_be_bytes()).to_vec(),
        canonical: Vec::new(),
        key_id: "key".into(),
        key_kind: KeyKind::Browser,
        level: "L4".into(),
        retention_class: "recording".into(),
        expires_at_s: 4_000_000_000,
        rules_version: 1,
        source: String::new(),
        device: String::new(),
        client_ip: String::new(),
        user_agent: String::new(),
        country: String::new(),
        encryption_key_id: String::new(),
        encryption_suite: String::new(),
    }
}

/// Which session of [`batch`] it is.
pub(super) fn session_number(session: SessionId) -> u8 {
    session.uuid().as_bytes()[15]
}
