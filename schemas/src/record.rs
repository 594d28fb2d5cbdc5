//! The records of the log. Field by field they are `schemas/avro/*.avsc`, which say units.
//!
//! What was decided (retention, level, rules) is stamped by the edge, so that a lane that repeats a range
//! makes the same rows, documents and frames again.

use serde::{Deserialize, Serialize};

use crate::ids::{AuditId, BatchId, ProjectId, Seq, SessionId, Tab};

/// How the events lie in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// One JSON array of events.
    #[serde(rename = "json_array")]
    JsonArray,
    /// One event a line.
    #[serde(rename = "json_lines")]
    JsonLines,
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Not packed.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Codec {
    /// The name in URLs, records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Codec::Identity => "identity",
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
        }
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// May be read in any page: recordings and configuration only, bound to origins.
    Browser,
    /// Native applications and mini-programs: no origin.
    App,
    /// Services: audit events, import, verified references.
    Server,
}

impl KeyKind {
    /// The name in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyKind::Browser => "browser",
            KeyKind::App => "app",
            KeyKind::Server => "server",
        }
    }
}

/// One flush of a recorder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "documented in schemas/avro/recording_batch.avsc")]
pub struct RecordingBatch {
    pub project: ProjectId,
    pub session_id: SessionId,
    pub tab: Tab,
    #[serde(with = "seq_as_long")]
    pub seq: Seq,
    pub received_at_us: i64,
    pub sent_at_ms: Option<i64>,
    pub clock_offset_ms: Option<i64>,
    pub first_at_ms: i64,
    pub last_at_ms: i64,
    pub events: i64,
    pub raw_bytes: i64,
    pub keyframe: bool,
    pub ended: bool,
    #[serde(rename = "final")]
    pub is_final: bool,
    pub layout: Layout,
    pub codec: Codec,
    #[serde(with = "apache_avro::serde::bytes")]
    pub body: Vec<u8>,
    #[serde(with = "apache_avro::serde::bytes")]
    pub content_sha256: Vec<u8>,
    #[serde(with = "apache_avro::serde::bytes")]
    pub canonical: Vec<u8>,
    pub key_id: String,
    pub key_kind: KeyKind,
    pub level: String,
    pub retention_class: String,
    pub expires_at_s: i64,
    pub rules_version: i64,
    pub source: String,
    pub device: String,
    pub client_ip: String,
    pub user_agent: String,
    pub country: String,
    pub encryption_key_id: String,
    pub encryption_suite: String,
}

impl RecordingBatch {
    /// The batch's identity.
    pub fn id(&self) -> BatchId {
        BatchId {
            project: self.project.clone(),
            session_id: self.session_id,
            tab: self.tab.clone(),
            seq: self.seq,
        }
    }
}

/// One audit event with what the edge stamped; its content is [`crate::audit::AuditEvent`] in `canonical`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "documented in schemas/avro/audit_record.avsc")]
pub struct AuditRecord {
    pub project: ProjectId,
    pub id: AuditId,
    pub source_id: String,
    pub occurred_at_us: i64,
    pub received_at_us: i64,
    pub session_id: String,
    pub tab: String,
    pub trace_id: String,
    #[serde(with = "apache_avro::serde::bytes")]
    pub canonical: Vec<u8>,
    pub key_id: String,
    pub key_kind: KeyKind,
    pub retention_class: String,
    pub expires_at_s: i64,
    pub rules_version: i64,
    pub masked: Vec<String>,
    pub source: String,
    pub device: String,
    pub clock_offset_ms: Option<i64>,
    pub encryption_key_id: String,
    pub encryption_suite: String,
}

/// An approved erasure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "documented in schemas/avro/erasure.avsc")]
pub struct Erasure {
    pub project: ProjectId,
    pub id: String,
    pub requested_at_us: i64,
    pub sessions: Vec<SessionId>,
    pub audit_ids: Vec<AuditId>,
    #[serde(with = "apache_avro::serde::bytes")]
    pub canonical: Vec<u8>,
}

/// What a record of a data topic holds.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "records are handled one at a time, mostly batches"
)]
pub enum Record {
    /// A batch of recorder events.
    Recording(RecordingBatch),
    /// An audit event.
    Audit(AuditRecord),
    /// An erasure.
    Erasure(Erasure),
}

/// Avro has no unsigned types: a sequence number is a `long` there.
mod seq_as_long {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(seq: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(i64::from(*seq))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        u32::try_from(i64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
