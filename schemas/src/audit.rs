//! The audit event: who did which operation to what, before and after.
//!
//! This is the normalised form that the edge makes of the two forms it accepts (API.md 'Audit event'); its
//! RFC 8785 bytes are what the log, the ledger and the archive keep. Views read it back from those bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::canonical::ContentHasher;
use crate::ids::{AuditId, ProjectId, Reference};

/// The kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Operation {
    Create,
    Read,
    Update,
    Delete,
    Login,
    Export,
    Approve,
    Other,
}

impl Operation {
    /// The name in events, rows and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Read => "read",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::Login => "login",
            Operation::Export => "export",
            Operation::Approve => "approve",
            Operation::Other => "other",
        }
    }
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Outcome {
    Success,
    Failure,
}

impl Outcome {
    /// The name in events, rows and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Actor {
    /// `user`, `service`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The id in the application.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The roles held at that time.
    pub roles: Vec<String>,
}

/// To what it was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// `policy`, `order`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The id in the application.
    pub id: String,
    /// A name for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// From where it was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The client's address as the service saw it.
    pub ip: String,
    /// The client's User-Agent.
    pub user_agent: String,
    /// Device information in the service's own words.
    pub device: String,
}

/// One audit event, normalised and masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The event's id.
    pub id: AuditId,
    /// The recorded application.
    pub project: ProjectId,
    /// The id that the sender gave, where it is no UUIDv7.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_id: String,
    /// RFC 3339, UTC, 6 digits.
    pub occurred_at: String,
    /// RFC 3339, UTC, 6 digits.
    pub received_at: String,
    /// The application's own name of the operation: `policy.update`, `下单`.
    pub action: String,
    /// Its kind.
    pub operation: Operation,
    /// Who did it.
    #[serde(default)]
    pub actor: Actor,
    /// To what.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, where it failed.
    #[serde(default)]
    pub error: Option<String>,
    /// What was asked.
    #[serde(default)]
    pub request: Value,
    /// What was answered.
    #[serde(default)]
    pub response: Value,
    /// The state before.
    #[serde(default)]
    pub before: Value,
    /// The state after.
    #[serde(default)]
    pub after: Value,
    /// Amounts and counts, for sums in reports.
    #[serde(default)]
    pub measures: Map<String, Value>,
    /// From where.
    #[serde(default)]
    pub origin: Origin,
    /// The visit during which it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The document load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tab: Option<String>,
    /// The trace (W3C Trace Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The business ids that it concerns.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Retention class.
    pub class: String,
    /// Fields that the contract doesn't know.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// What tells a twin with other content from the same event sent again: SHA-256 over each field of the canonical
/// bytes but `received_at`, which is the edge's word and differs each time.
pub fn content_sha256(canonical: &str) -> Result<[u8; 32], serde_json::Error> {
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(canonical)?;
    let mut hasher = ContentHasher::default();
    for (name, value) in fields.iter().filter(|(name, _)| **name != "received_at") {
        hasher.text(name.as_bytes());
        hasher.text(value.get().as_bytes());
    }
    Ok(hasher.finish())
}
