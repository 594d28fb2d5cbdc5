//! A record that is looked for.

use hindsight_engines::log::StoredRecord;
use hindsight_schemas::avro::DecodeError;
use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::{Position, ProjectId, SessionId};
use hindsight_schemas::record::{AuditRecord, Record, RecordingBatch};

/// A record as it was read.
pub(super) struct Sampled {
    pub(super) position: Position,
    pub(super) appended_at_ms: i64,
    pub(super) content: Content,
}

/// What it holds.
pub(super) enum Content {
    Batch(Box<RecordingBatch>),
    Audit(Box<AuditRecord>),
    /// No view can have it: it belongs into dead letters.
    Unreadable,
    /// Written by a newer version: what a view has of it can't be told.
    Newer,
}

impl Sampled {
    /// `None` of an erasure, of which a view has nothing.
    pub(super) fn of(record: &StoredRecord) -> Option<Self> {
        let content = match Record::decode(record.value.as_deref().unwrap_or_default()) {
            Ok(Record::Recording(batch)) => Content::Batch(Box::new(batch)),
            Ok(Record::Audit(event)) => Content::Audit(Box::new(event)),
            Ok(Record::Erasure(_)) => return None,
            Err(DecodeError::UnknownSchema(_)) => Content::Newer,
            Err(_) => Content::Unreadable,
        };
        Some(Self {
            position: record.position,
            appended_at_ms: record.appended_at_ms,
            content,
        })
    }

    /// The name of its document, which is its identity.
    pub(super) fn identity(&self) -> Option<DocumentId> {
        match &self.content {
            Content::Batch(batch) => Some(DocumentId::activity(&batch.id())),
            Content::Audit(event) => Some(DocumentId::audit(&event.project, event.id)),
            Content::Unreadable | Content::Newer => None,
        }
    }

    /// The visit that a batch is of.
    pub(super) fn session(&self) -> Option<(&ProjectId, SessionId)> {
        match &self.content {
            Content::Batch(batch) => Some((&batch.project, batch.session_id)),
            _ => None,
        }
    }

    /// Whether its retention is over.
    pub(super) fn has_expired(&self, now_s: i64) -> bool {
        match &self.content {
            Content::Batch(batch) => batch.expires_at_s <= now_s,
            Content::Audit(event) => event.expires_at_s <= now_s,
            Content::Unreadable | Content::Newer => false,
        }
    }
}
