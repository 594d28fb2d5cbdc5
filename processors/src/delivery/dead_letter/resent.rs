//! The mark that a record was sent again, in the topic of the letters and under their key.
//!
//! **Invariant:** it is appended after the record, so a mark always tells the truth. A crash between the two leaves no
//! mark: the record is then sent once more, and is a twin of itself in every view.

use bytes::Bytes;
use hindsight_engines::log::{NewRecord, Route, StoredRecord};
use hindsight_schemas::ids::{LogId, Partition, Position, Topic};
use uuid::Uuid;

use super::letter::{Letter, NotALetter, parsed, raw};
use super::{header, key};

/// That a record was sent again, for all views that refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resent {
    /// Where the refused record lies.
    pub origin: Position,
    /// Where it lies again.
    pub to: Position,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

impl Resent {
    /// The mark for a letter whose record lies here again.
    pub fn mark(letter: &Letter, to: Position) -> NewRecord {
        let origin = letter.origin;
        let text = |name: &str, value: String| (name.to_owned(), Bytes::from(value));
        NewRecord {
            topic: Topic::DeadLetters,
            to: Route::ByKey,
            key: key(origin),
            value: None,
            headers: vec![
                text(header::TOPIC, origin.partition.topic.to_string()),
                text(header::PARTITION, origin.partition.partition.to_string()),
                text(header::OFFSET, origin.offset.to_string()),
                text(header::LOG_ID, origin.log_id.to_string()),
                text(header::RESENT_PARTITION, to.partition.partition.to_string()),
                text(header::RESENT_OFFSET, to.offset.to_string()),
                text(header::RESENT_LOG_ID, to.log_id.to_string()),
            ],
        }
    }

    /// Reads a mark; none where the record is a letter.
    pub fn read(record: &StoredRecord) -> Result<Option<Self>, NotALetter> {
        // A letter names its view; a record that it carries may have any header.
        if raw(record, header::MATERIALIZER).is_some() || raw(record, header::RESENT_OFFSET).is_none() {
            return Ok(None);
        }
        let topic = parsed::<Topic>(record, header::TOPIC)?;
        let position = |log_id, partition, offset| {
            Ok::<_, NotALetter>(Position {
                log_id: LogId(parsed::<Uuid>(record, log_id)?),
                partition: Partition {
                    topic,
                    partition: parsed(record, partition)?,
                },
                offset: parsed(record, offset)?,
            })
        };
        Ok(Some(Self {
            origin: position(header::LOG_ID, header::PARTITION, header::OFFSET)?,
            to: position(
                header::RESENT_LOG_ID,
                header::RESENT_PARTITION,
                header::RESENT_OFFSET,
            )?,
            at_ms: record.appended_at_ms,
        }))
    }
}
