//! A dead letter as it is read back: what the record was, who refused it and why, and how it is sent again.
//!
//! **Invariant:** the record that is sent again has the key, the value and the headers that it had, in the partition that
//! it had, so it has the same identity: a view that has it already takes it for a twin.

use std::str::FromStr;

use bytes::Bytes;
use hindsight_engines::log::{NewRecord, Route, StoredRecord};
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};
use uuid::Uuid;

use super::header;

/// A record that a view refused.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Where it was read from.
    pub origin: Position,
    /// When it was appended there, Unix milliseconds.
    pub appended_at_ms: i64,
    /// When it was refused, Unix milliseconds.
    pub refused_at_ms: i64,
    /// The view that refused it.
    pub view: String,
    /// The reason's name.
    pub reason: String,
    /// What the decoder or the engine said.
    pub detail: String,
    /// The record's key.
    pub key: Bytes,
    /// The record's value.
    pub value: Option<Bytes>,
    /// The record's own headers.
    pub headers: Vec<(String, Bytes)>,
}

/// A record of the topic that is no letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its header {0} is missing or can't be read")]
pub struct NotALetter(pub &'static str);

impl Letter {
    /// Reads what [`super::dead_letter`] made.
    pub fn read(record: StoredRecord) -> Result<Self, NotALetter> {
        let topic = parsed::<Topic>(&record, header::TOPIC)?;
        let partition = parsed(&record, header::PARTITION)?;
        Ok(Self {
            origin: Position {
                log_id: LogId(parsed::<Uuid>(&record, header::LOG_ID)?),
                partition: Partition { topic, partition },
                offset: parsed::<Offset>(&record, header::OFFSET)?,
            },
            appended_at_ms: parsed(&record, header::APPENDED_AT_MS)?,
            refused_at_ms: record.appended_at_ms,
            view: parsed(&record, header::MATERIALIZER)?,
            reason: parsed(&record, header::REASON)?,
            detail: parsed(&record, header::DETAIL)?,
            key: raw(&record, header::KEY)
                .cloned()
                .ok_or(NotALetter(header::KEY))?,
            headers: record.headers.into_iter().skip(OWN).collect(),
            value: record.value,
        })
    }

    /// The record as it was, for the topic and partition that it came from.
    pub fn again(&self) -> NewRecord {
        NewRecord {
            topic: self.origin.partition.topic,
            to: Route::Partition(self.origin.partition.partition),
            key: self.key.clone(),
            value: self.value.clone(),
            headers: self.headers.clone(),
        }
    }
}

/// So many headers of a letter come before the record's own.
const OWN: usize = 9;

/// The first of a name: a letter's own come before the record's.
pub(super) fn raw<'a>(record: &'a StoredRecord, name: &str) -> Option<&'a Bytes> {
    let found = record.headers.iter().find(|(of, _)| of == name);
    found.map(|(_, value)| value)
}

pub(super) fn parsed<T: FromStr>(record: &StoredRecord, name: &'static str) -> Result<T, NotALetter> {
    raw(record, name)
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
        .ok_or(NotALetter(name))
}

#[cfg(test)]
mod tests {
    use hindsight_schemas::reason::Reason;

    use super::super::{Resent, dead_letter};
    use super::*;
    use crate::delivery::Poison;

    fn stored(offset: Offset, record: NewRecord) -> StoredRecord {
        let log_id = LogId(Uuid::from_u128(7));
        let partition = Partition {
            topic: record.topic,
            partition: 0,
        };
        StoredRecord {
            position: Position {
                log_id,
                partition,
                offset,
            },
            appended_at_ms: 42,
            key: record.key,
            value: record.value,
            headers: record.headers,
        }
    }

    #[test]
    fn what_is_sent_again_is_what_was_refused() {
        let own = NewRecord {
            topic: Topic::Audit,
            to: Route::Partition(0),
            key: Bytes::from_static(b"\xffkey"),
            value: Some(Bytes::from_static(b"value")),
            // A record that was refused, sent again, and refused again looks like this if a client is up to mischief.
            headers: vec![(header::REASON.to_owned(), Bytes::from_static(b"mine"))],
        };
        let refused = stored(5, own.clone());
        let poison = Poison {
            position: refused.position,
            reason: Reason::PoisonBody,
            detail: "no reason at all".into(),
        };
        let kept = stored(9, dead_letter("search", &poison, &refused));
        assert_eq!(Resent::read(&kept).unwrap(), None);
        let letter = Letter::read(kept).unwrap();
        assert_eq!(letter.origin, refused.position);
        assert_eq!(
            (
                letter.view.as_str(),
                letter.reason.as_str(),
                letter.detail.as_str()
            ),
            ("search", "poison_body", "no reason at all")
        );
        let again = letter.again();
        assert_eq!((again.topic, again.to), (own.topic, own.to));
        assert_eq!(
            (again.key, again.value, again.headers),
            (own.key, own.value, own.headers)
        );
    }

    #[test]
    fn a_mark_is_read_as_one_and_a_strange_record_is_told() {
        let to = Position {
            offset: 11,
            ..stored(0, Letter::read(letter()).unwrap().again()).position
        };
        let mark = stored(10, Resent::mark(&Letter::read(letter()).unwrap(), to));
        let read = Resent::read(&mark).unwrap().unwrap();
        assert_eq!(read.origin, Letter::read(letter()).unwrap().origin);
        assert_eq!((read.to, read.at_ms), (to, 42));
        let mut strange = letter();
        strange.headers.remove(0);
        assert_eq!(Letter::read(strange).unwrap_err(), NotALetter(header::TOPIC));
    }

    fn letter() -> StoredRecord {
        let record = NewRecord {
            topic: Topic::Recordings,
            to: Route::Partition(0),
            key: Bytes::new(),
            value: None,
            headers: Vec::new(),
        };
        let refused = stored(3, record);
        let poison = Poison {
            position: refused.position,
            reason: Reason::PoisonAvro,
            detail: String::new(),
        };
        stored(4, dead_letter("replay", &poison, &refused))
    }
}
