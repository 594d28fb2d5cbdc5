//! Identities, decoded once at the border into types that can't be wrong.
//!
//! *Batch* identity is (project, session, tab, seq); *audit event* identity is (project, id);
//! *position* is (log id, topic, partition, offset).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not the identity that it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 1 to 64 of `[a-z0-9_-]`.
    #[error("project id {0:?} is not 1 to 64 of a-z, 0-9, '-' and '_'")]
    Project(String),
    /// Not a UUID of version 7.
    #[error("id {0:?} is not a UUID of version 7")]
    NotUuidV7(String),
    /// Not 1 to 40 of `[A-Za-z0-9_-]`.
    #[error("tab {0:?} is not 1 to 40 of A-Z, a-z, 0-9, '-' and '_'")]
    Tab(String),
    /// Not one of the topics of the log.
    #[error("unknown topic {0:?}")]
    Topic(String),
}

fn is_word(text: &str, longest: usize, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .bytes()
            .all(|byte| allowed(byte) || byte == b'-' || byte == b'_')
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $error:ident, $longest:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as it is written in URLs, rows and documents.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_word(text, $longest, $allowed) { Ok(Self(text.into())) } else { Err(IdError::$error(text.into())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// One recorded application with its keys, rules and retention.
    ProjectId, Project, 64, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()
);
text_id!(
    /// One document load in one browser tab: the writer of a sequence of batches.
    Tab, Tab, 40, |byte| byte.is_ascii_alphanumeric()
);

macro_rules! uuid_v7_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUID that must be of version 7.
            pub fn new(uuid: Uuid) -> Result<Self, IdError> {
                if uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122 {
                    Ok(Self(uuid))
                } else {
                    Err(IdError::NotUuidV7(uuid.to_string()))
                }
            }

            /// Makes the id of a time and 74 bits that tell it from others of the same millisecond
            /// (RFC 9562, section 5.7). The same input gives the same id.
            pub fn from_parts(unix_ms: u64, bits: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &bits).into_uuid())
            }

            /// The id's own time, Unix milliseconds.
            pub fn unix_ms(&self) -> i64 {
                i64::try_from(self.0.as_u128() >> 80).expect("48 bits fit")
            }

            /// The UUID itself.
            pub fn uuid(&self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).ok().and_then(|uuid| Self::new(uuid).ok()).ok_or_else(|| IdError::NotUuidV7(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

uuid_v7_id!(
    /// One visit.
    SessionId
);
uuid_v7_id!(
    /// One audit event.
    AuditId
);

/// The number of a batch within its tab: 0, 1, 2, ..., or from [`FIRST_CLOCKED`] on made of its time.
pub type Seq = u32;

/// From here on numbers tell the order of batches and don't count them, so a hole between two is no gap: they are made
/// where a recorder numbers nothing itself (`docs/adr/0017-recorders-already-in-the-field.md`). No recorder counts so far.
pub const FIRST_CLOCKED: Seq = 1 << 31;

/// Identity of a batch: a retry carries the same identity and the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchId {
    /// The recorded application.
    pub project: ProjectId,
    /// The visit.
    pub session_id: SessionId,
    /// The document load.
    pub tab: Tab,
    /// The number within the tab.
    pub seq: Seq,
}

impl BatchId {
    /// The key under which the log keeps all records of a session in one partition, in order.
    pub fn log_key(&self) -> String {
        log_key(&self.project, &self.session_id.to_string())
    }
}

/// The log's key: project and session, or project and actor (or target) where there is no session.
pub fn log_key(project: &ProjectId, subject: &str) -> String {
    format!("{project}/{subject}")
}

impl fmt::Display for BatchId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}/{}/{}/{}",
            self.project, self.session_id, self.tab, self.seq
        )
    }
}

/// A business id: an order, a policy number, a transaction code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Its type: `order`, `policy`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The id itself.
    pub id: String,
}

/// Names a log for as long as its offsets mean the same: it changes whenever offsets could be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogId(pub Uuid);

impl fmt::Display for LogId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The topics of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Batches of rrweb events.
    Recordings,
    /// Audit events.
    Audit,
    /// What no materializer could read, with origin and reason.
    DeadLetters,
}

impl Topic {
    /// The name of the topic on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::Recordings => "hindsight.recordings",
            Topic::Audit => "hindsight.audit",
            Topic::DeadLetters => "hindsight.dead-letters",
        }
    }
}

impl FromStr for Topic {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        [Topic::Recordings, Topic::Audit, Topic::DeadLetters]
            .into_iter()
            .find(|topic| topic.as_str() == text)
            .ok_or_else(|| IdError::Topic(text.into()))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The number of a record within its partition. Offsets are never used twice and may have holes.
pub type Offset = u64;

/// One partition of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition {
    /// The topic.
    pub topic: Topic,
    /// The number of the partition, from 0.
    pub partition: u32,
}

impl fmt::Display for Partition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.topic, self.partition)
    }
}

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The log.
    pub log_id: LogId,
    /// The partition of the log.
    pub partition: Partition,
    /// The offset in the partition.
    pub offset: Offset,
}

impl Position {
    /// The version of rows made from the record: greater for lower offsets, so that the lowest position wins
    /// in `ReplacingMergeTree(version)`.
    pub fn row_version(&self) -> u64 {
        u64::MAX - self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_tells_its_time_and_must_be_v7() {
        let id = SessionId::from_parts(1_700_000_000_123, [7; 10]);
        assert_eq!(id.unix_ms(), 1_700_000_000_123);
        assert_eq!(id.to_string().parse::<SessionId>(), Ok(id));
        assert!(
            "7f9c24e8-3b12-4fef-91e0-56a2d5a4d0b1"
                .parse::<SessionId>()
                .is_err()
        );
        assert!("nonsense".parse::<AuditId>().is_err());
    }

    #[test]
    fn words_are_bounded() {
        assert!("a".repeat(40).parse::<Tab>().is_ok());
        for bad in ["", "a b", "ä", &"a".repeat(41)] {
            assert!(bad.parse::<Tab>().is_err(), "{bad:?}");
        }
        assert!("Shop".parse::<ProjectId>().is_err());
    }
}
