//! The documents of the search view: one per audit event, one per recording batch.
//!
//! **Invariants:** a document depends on one record only, so every cut of the same records gives the same
//! documents; its id is made of (project, identity), so an engine that creates but never overwrites shows each
//! identity once. Fields that are matched case-insensitively are folded here, once, for every engine.
//! **Bounds:** [`KEYWORD_BYTES`], [`TEXT_BYTES`], [`ACTIVITY_TEXTS`]; longer values are cut at a character, the
//! stored source never is.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::{self, AuditEvent};
use crate::canonical::sha256;
use crate::ids::{AuditId, BatchId, Position, ProjectId, Reference, SessionId};
use crate::patch::{Patch, cut_text};
use crate::record::{AuditRecord, RecordingBatch};

/// Bytes of a value that is matched as a whole.
pub const KEYWORD_BYTES: usize = 1024;
/// Bytes of the full text of one document.
pub const TEXT_BYTES: usize = 32 * 1024;
/// Different texts kept of one kind (urls, titles, clicked texts, ...) in one activity document.
pub const ACTIVITY_TEXTS: usize = 64;

/// Names a document in its engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocumentId(String);

impl DocumentId {
    /// Of an audit event.
    pub fn audit(project: &ProjectId, id: AuditId) -> Self {
        Self(format!("{project}/{id}"))
    }

    /// Of a recording batch.
    pub fn activity(batch: &BatchId) -> Self {
        Self(batch.to_string())
    }

    /// Of what is left of an erased session. No project has a colon, so no audit event has this id.
    pub fn erased_session(project: &ProjectId, session: SessionId) -> Self {
        Self(format!("erased:{project}/{session}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lower case, and not longer than a keyword may be: for values that are matched whatever their case.
pub fn folded(text: &str) -> String {
    keyword(&text.to_lowercase())
}

/// Not longer than a keyword may be: for values that are matched exactly.
pub fn keyword(text: &str) -> String {
    text[..text.floor_char_boundary(KEYWORD_BYTES)].to_owned()
}

/// Why a record gives no document: poison.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The canonical bytes are no audit event.
    #[error("canonical bytes are no audit event")]
    NotAnEvent(#[from] serde_json::Error),
    /// The canonical bytes are no text.
    #[error("canonical bytes are not utf-8")]
    NotText(#[from] std::string::FromUtf8Error),
}

/// An audit event as it is searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are those of the event; what differs is said")]
pub struct AuditDocument {
    pub project: ProjectId,
    pub id: AuditId,
    pub source_id: String,
    pub occurred_at_us: i64,
    pub received_at_us: i64,
    pub expires_at_s: i64,
    /// Folded.
    pub action: String,
    /// Folded.
    pub operation: String,
    pub user_id: String,
    /// Folded.
    pub user_name: String,
    /// Folded.
    pub roles: Vec<String>,
    /// For each target its `id` and its `type:id`.
    pub target: Vec<String>,
    /// Folded.
    pub target_type: Vec<String>,
    /// `success` or `failure`.
    pub outcome: String,
    /// Searched as text.
    pub error: String,
    /// None where the service sent no address (its words are in `text`).
    pub ip: Option<IpAddr>,
    /// Device information in the service's words, and the device's id. Searched as text.
    pub device: String,
    /// Folded.
    pub session: String,
    /// Folded.
    pub trace: String,
    /// For each reference its `id` and its `type:id`.
    pub reference: Vec<String>,
    /// Folded.
    pub class: String,
    /// Paths that differ between before and after.
    pub changed: Vec<String>,
    /// `path=value` of these before.
    pub was: Vec<String>,
    /// `path=value` of these after.
    pub now: Vec<String>,
    /// All keys and values of the event, for bare words.
    pub text: String,
    /// The canonical bytes as the log holds them.
    pub source: String,
    /// Of these without `received_at`: tells a twin with other content.
    pub content_sha256: [u8; 32],
    pub position: Position,
}

impl AuditDocument {
    /// Makes the document of a record. Takes the record, because its canonical bytes become `source`.
    pub fn new(record: AuditRecord, position: Position) -> Result<Self, DocumentError> {
        // A text once, so that nothing of it has to be looked at again to know that it is one.
        let source = String::from_utf8(record.canonical)?;
        let event: AuditEvent = serde_json::from_str(&source)?;
        let patch = Patch::between(&event.before, &event.after);
        let content_sha256 = audit::content_sha256(&source)?;
        Ok(Self {
            project: record.project,
            id: record.id,
            source_id: keyword(&record.source_id),
            occurred_at_us: record.occurred_at_us,
            received_at_us: record.received_at_us,
            expires_at_s: record.expires_at_s,
            action: folded(&event.action),
            operation: event.operation.as_str().to_owned(),
            user_id: keyword(&event.actor.id),
            user_name: folded(&event.actor.name),
            roles: event.actor.roles.iter().map(|role| folded(role)).collect(),
            target: named(event.targets.iter().map(|target| (&*target.kind, &*target.id))),
            target_type: event.targets.iter().map(|target| folded(&target.kind)).collect(),
            outcome: event.outcome.as_str().to_owned(),
            error: event.error.clone().unwrap_or_default(),
            ip: event
                .origin
                .ip
                .trim()
                .parse::<IpAddr>()
                .ok()
                .map(|ip| ip.to_canonical()),
            device: format!("{} {}", event.origin.device, record.device)
                .trim()
                .to_owned(),
            session: folded(&record.session_id),
            trace: folded(&record.trace_id),
            reference: named(event.references.iter().map(|of| (&*of.kind, &*of.id))),
            class: folded(&event.class),
            changed: patch.changed(),
            was: patch.was(),
            now: patch.now(),
            text: full_text(&event),
            source,
            content_sha256,
            position,
        })
    }

    /// The document's id.
    pub fn document_id(&self) -> DocumentId {
        DocumentId::audit(&self.project, self.id)
    }
}

/// Both ways in which people name a thing: by id, and by type and id.
fn named<'a>(things: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    things
        .flat_map(|(kind, id)| [keyword(id), keyword(&format!("{kind}:{id}"))])
        .collect()
}

/// The words of an event, most telling first because the end may be cut.
fn full_text(event: &AuditEvent) -> String {
    let mut text = String::new();
    let mut add = |word: &str| {
        if !word.is_empty() && text.len() < TEXT_BYTES {
            text.push_str(word);
            text.push('\n');
        }
    };
    for word in [
        &event.action,
        &event.actor.name,
        &event.actor.id,
        &event.source_id,
    ] {
        add(word);
    }
    event.actor.roles.iter().for_each(|role| add(role));
    for target in &event.targets {
        [&target.kind, &target.id, &target.name]
            .into_iter()
            .for_each(|word| add(word));
    }
    for reference in &event.references {
        [&reference.kind, &reference.id]
            .into_iter()
            .for_each(|word| add(word));
    }
    add(event.error.as_deref().unwrap_or_default());
    for word in [&event.origin.device, &event.origin.ip, &event.origin.user_agent] {
        add(word);
    }
    for state in [&event.after, &event.before, &event.request, &event.response] {
        words(state, &mut add);
    }
    for map in [&event.measures, &event.extra] {
        map.iter().for_each(|(key, value)| {
            add(key);
            words(value, &mut add);
        });
    }
    cut_text(&mut text, TEXT_BYTES);
    text
}

/// Keys and scalar values, in order.
fn words(value: &Value, add: &mut impl FnMut(&str)) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => add(&value.to_string()),
        Value::String(text) => add(text),
        Value::Array(list) => list.iter().for_each(|value| words(value, add)),
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            add(key);
            words(value, add);
        }),
    }
}

/// Different texts in the order in which they came, bounded in number and length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Texts(Vec<String>);

impl Texts {
    /// Adds a text, unless it is empty, known, or over the bound.
    pub fn add(&mut self, text: &str) {
        let text = text.trim();
        let text = &text[..text.floor_char_boundary(KEYWORD_BYTES)];
        if !text.is_empty() && self.0.len() < ACTIVITY_TEXTS && !self.0.iter().any(|known| known == text) {
            self.0.push(text.to_owned());
        }
    }

    /// The texts.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// What a person did and saw in one batch, as it is searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it; what needs more is said")]
pub struct ActivityDocument {
    pub batch: BatchId,
    pub urls: Texts,
    pub titles: Texts,
    /// Texts of what was clicked.
    pub clicked: Texts,
    pub errors: Texts,
    pub references: Vec<Reference>,
    pub user_ids: Texts,
    pub first_at_ms: i64,
    pub last_at_ms: i64,
    pub received_at_us: i64,
    pub expires_at_s: i64,
    pub content_sha256: [u8; 32],
    pub position: Position,
}

impl ActivityDocument {
    /// The document of a batch in which nothing was seen yet; the caller adds what its events hold.
    pub fn new(batch: &RecordingBatch, position: Position) -> Self {
        Self {
            batch: batch.id(),
            urls: Texts::default(),
            titles: Texts::default(),
            clicked: Texts::default(),
            errors: Texts::default(),
            references: Vec::new(),
            user_ids: Texts::default(),
            first_at_ms: batch.first_at_ms,
            last_at_ms: batch.last_at_ms,
            received_at_us: batch.received_at_us,
            expires_at_s: batch.expires_at_s,
            content_sha256: content_sha256(batch),
            position,
        }
    }

    /// Adds a reference, unless it is known or over the bound.
    pub fn add_reference(&mut self, reference: Reference) {
        if self.references.len() < ACTIVITY_TEXTS && !self.references.contains(&reference) {
            self.references.push(reference);
        }
    }

    /// The document's id.
    pub fn document_id(&self) -> DocumentId {
        DocumentId::activity(&self.batch)
    }

    /// The visit.
    pub fn session_id(&self) -> SessionId {
        self.batch.session_id
    }

    /// All its texts; each is searched for itself, so that a phrase doesn't run from one into the next.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let kinds = [
            &self.urls,
            &self.titles,
            &self.clicked,
            &self.errors,
            &self.user_ids,
        ];
        let references = self.references.iter().map(|reference| reference.id.as_str());
        kinds
            .into_iter()
            .flat_map(|texts| texts.as_slice())
            .map(String::as_str)
            .chain(references)
    }

    /// For each reference its `id` and its `type:id`.
    pub fn reference_names(&self) -> Vec<String> {
        named(self.references.iter().map(|of| (&*of.kind, &*of.id)))
    }
}

/// The digest that the edge stamped; a stamp of another length (no writer makes one) is hashed itself, so that
/// two different stamps still differ.
fn content_sha256(batch: &RecordingBatch) -> [u8; 32] {
    <[u8; 32]>::try_from(batch.content_sha256.as_slice()).unwrap_or_else(|_| sha256(&batch.content_sha256))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Actor, Operation, Origin, Outcome, Target};
    use crate::ids::{LogId, Partition, Topic};
    use crate::record::KeyKind;
    use serde_json::{Map, json};
    use uuid::Uuid;

    fn event() -> AuditEvent {
        AuditEvent {
            id: AuditId::from_parts(1_795_305_600_000, [7; 10]),
            project: "shop".parse().unwrap(),
            source_id: "L-17".into(),
            occurred_at: "2026-11-22T00:00:00.000000Z".into(),
            received_at: "2026-11-22T00:00:01.000000Z".into(),
            action: "Policy.Update".into(),
            operation: Operation::Update,
            actor: Actor {
                kind: "user".into(),
                id: "U-17".into(),
                name: "Li".into(),
                roles: vec!["Agent".into()],
            },
            targets: vec![Target {
                kind: "policy".into(),
                id: "P-9".into(),
                name: "养老".into(),
            }],
            outcome: Outcome::Success,
            error: None,
            request: json!({"deep": [{"word": "haystack"}]}),
            response: json!(null),
            before: json!({"status": "draft"}),
            after: json!({"status": "active"}),
            measures: Map::new(),
            origin: Origin {
                ip: "::ffff:203.0.113.9".into(),
                ..Origin::default()
            },
            session_id: None,
            tab: None,
            trace_id: None,
            references: Vec::new(),
            class: "audit".into(),
            extra: Map::new(),
        }
    }

    fn document(event: &AuditEvent) -> AuditDocument {
        let record = AuditRecord {
            project: event.project.clone(),
            id: event.id,
            source_id: event.source_id.clone(),
            occurred_at_us: 1,
            received_at_us: 2,
            session_id: String::new(),
            tab: String::new(),
            trace_id: String::new(),
            canonical: crate::canonical::canonical_bytes(event).unwrap(),
            key_id: String::new(),
            key_kind: KeyKind::Server,
            retention_class: "audit".into(),
            expires_at_s: 3,
            rules_version: 0,
            masked: Vec::new(),
            source: String::new(),
            device: String::new(),
            clock_offset_ms: None,
            encryption_key_id: String::new(),
            encryption_suite: String::new(),
        };
        let partition = Partition {
            topic: Topic::Audit,
            partition: 0,
        };
        let position = Position {
            log_id: LogId(Uuid::nil()),
            partition,
            offset: 4,
        };
        AuditDocument::new(record, position).unwrap()
    }

    #[test]
    fn what_people_type_in_any_case_is_folded_and_ids_are_not() {
        let document = document(&event());
        assert_eq!(
            (&*document.action, &*document.user_name, &*document.roles[0]),
            ("policy.update", "li", "agent")
        );
        assert_eq!((&*document.user_id, &*document.source_id), ("U-17", "L-17"));
        assert_eq!(document.target, ["P-9", "policy:P-9"]);
        assert_eq!(
            document.ip,
            Some("203.0.113.9".parse().unwrap()),
            "an IPv4 address has one form"
        );
        assert_eq!(
            (document.was, document.now),
            (vec!["status=draft".into()], vec!["status=active".into()])
        );
    }

    #[test]
    fn the_source_is_whole_and_the_text_is_bounded() {
        let mut event = event();
        event.before = json!({"note": "文".repeat(TEXT_BYTES)});
        event.actor.id = "x".repeat(2 * KEYWORD_BYTES);
        let document = document(&event);
        assert_eq!(
            serde_json::from_str::<AuditEvent>(&document.source).unwrap(),
            event
        );
        assert!(document.text.len() <= TEXT_BYTES && document.text.len() > TEXT_BYTES - 4);
        assert!(document.text.starts_with("Policy.Update"));
        assert_eq!(document.user_id.len(), KEYWORD_BYTES);
        assert!(document.was[0].len() <= crate::patch::VALUE_BYTES + "note=".len());
    }

    #[test]
    fn an_event_sent_again_has_the_same_content_and_a_changed_one_has_not() {
        let first = document(&event());
        let mut event = event();
        event.received_at = "2026-11-22T00:00:09.000000Z".into();
        let again = document(&event);
        assert_ne!(again.source, first.source);
        assert_eq!(again.content_sha256, first.content_sha256);
        event.before = json!({"status": "draft", "received_at": "2026-11-21"});
        assert_ne!(document(&event).content_sha256, first.content_sha256);
    }

    #[test]
    fn text_reaches_every_leaf() {
        let document = document(&event());
        for word in ["haystack", "deep", "养老", "draft", "active", "L-17"] {
            assert!(document.text.lines().any(|line| line == word), "{word}");
        }
    }

    #[test]
    fn an_address_in_other_words_is_no_address() {
        let mut event = event();
        event.origin.ip = "unknown".into();
        let document = document(&event);
        assert_eq!(document.ip, None);
        assert!(document.text.contains("unknown"));
    }

    #[test]
    fn texts_are_different_and_bounded() {
        let mut texts = Texts::default();
        ["a", " a ", "", "b"].into_iter().for_each(|text| texts.add(text));
        assert_eq!(texts.as_slice(), ["a", "b"]);
        (0..2 * ACTIVITY_TEXTS).for_each(|number| texts.add(&number.to_string()));
        assert_eq!(texts.as_slice().len(), ACTIVITY_TEXTS);
    }
}
