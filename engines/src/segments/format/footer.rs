//! The footer: everything that is known of an object's frames and batches, so that indexes and tables can be made
//! from the objects alone.
//!
//! Encoded as Avro with the writer's schema beside it, packed by zstd: a program that knows nothing of us can read it,
//! and a newer reader reads older footers by field name. **Invariant:** equal footers give equal bytes.

use hindsight_schemas::ids::{BatchId, LogId, Offset, Position, ProjectId, Seq, SessionId, Tab};
use hindsight_schemas::record::{KeyKind, RecordingBatch};
use serde::{Deserialize, Serialize};

use super::avro::{as_log_id, as_long, as_position, as_topic};
use hindsight_schemas::ids::Topic;

/// SHA-256 of stored or sent bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(#[serde(with = "apache_avro::serde::fixed")] pub [u8; 32]);

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, out)
    }
}

/// What an object is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The frames of one range of one partition, many sessions; each frame is one batch.
    Flush,
    /// The frames of one session.
    Data,
    /// Claims a session generation: the footer of its data object, without frames' bytes.
    Claim,
}

/// The records of the log that a flush object was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRange {
    /// The log.
    #[serde(with = "as_log_id")]
    pub log_id: LogId,
    /// The topic.
    #[serde(with = "as_topic")]
    pub topic: Topic,
    /// The partition.
    pub partition: u32,
    /// Offset of the first record of the range.
    #[serde(with = "as_long")]
    pub first: Offset,
    /// Offset of its last record.
    #[serde(with = "as_long")]
    pub last: Offset,
}

/// The session generation that a data object or a claim is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionGeneration {
    /// The project.
    pub project: ProjectId,
    /// The session.
    pub session_id: SessionId,
    /// Its generation, from 1.
    pub generation: u32,
    /// Path of the object that holds the frames.
    pub data_path: String,
}

/// How a frame is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameCodec {
    /// One Zstandard frame with content size and checksum.
    Zstd,
}

/// Where a player can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyframe {
    /// The batch.
    pub seq: Seq,
    /// Its first event (Meta, or the FullSnapshot where no Meta came before) within the batch.
    pub index: u32,
    /// That event's time, Unix milliseconds.
    pub at_ms: i64,
    /// Whether that event is a Meta. Where a recorder's flush came between both, the Meta is in the frame before.
    pub meta: bool,
}

/// Consecutive events of one batch within a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The batch.
    pub seq: Seq,
    /// Index of the first event within the batch.
    pub index: u32,
    /// How many events.
    pub events: u32,
    /// Bytes of their texts, a line feed after each.
    #[serde(with = "as_long")]
    pub raw_bytes: u64,
    /// Least event time, Unix milliseconds.
    pub from_ms: i64,
    /// Greatest event time.
    pub to_ms: i64,
}

/// A closed interval of time, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Its first millisecond.
    pub from_ms: i64,
    /// Its last millisecond.
    pub to_ms: i64,
}

/// An independently addressable run of events of one tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The project.
    pub project: ProjectId,
    /// The session.
    pub session_id: SessionId,
    /// The tab.
    pub tab: Tab,
    /// Where the stored bytes begin in the object.
    #[serde(with = "as_long")]
    pub offset: u64,
    /// How many there are.
    #[serde(with = "as_long")]
    pub bytes: u64,
    /// How many they are when unpacked.
    #[serde(with = "as_long")]
    pub raw_bytes: u64,
    /// How they are packed.
    pub codec: FrameCodec,
    /// The frame of the same object whose unpacked bytes are the raw prefix.
    pub dictionary: Option<u32>,
    /// Of the stored bytes.
    pub sha256: Digest,
    /// How many events.
    pub events: u32,
    /// Least event time, Unix milliseconds.
    pub from_ms: i64,
    /// Greatest event time.
    pub to_ms: i64,
    /// The page's address at the frame's end; empty if no Meta event told one.
    pub url: String,
    /// Where a player can start.
    pub keyframes: Vec<Keyframe>,
    /// A Meta event at the end whose FullSnapshot is not in the frame.
    pub open_meta: Option<Keyframe>,
    /// What the frame holds, in its order.
    pub runs: Vec<Run>,
    /// When a person did something (at most [`super::describe::MAX_ACTIVE`] intervals).
    pub active: Vec<Interval>,
}

impl Frame {
    /// The first batch of which it holds events.
    pub fn seq_from(&self) -> Seq {
        self.runs.iter().map(|run| run.seq).min().unwrap_or_default()
    }

    /// The last batch of which it holds events.
    pub fn seq_to(&self) -> Seq {
        self.runs.iter().map(|run| run.seq).max().unwrap_or_default()
    }

    /// Where its stored bytes lie in the object.
    pub fn range(&self) -> std::ops::Range<u64> {
        self.offset..self.offset.saturating_add(self.bytes)
    }
}

/// One batch, as the edge stamped it; its events are in the runs of frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "documented in schemas/avro/recording_batch.avsc")]
pub struct Batch {
    pub project: ProjectId,
    pub session_id: SessionId,
    pub tab: Tab,
    pub seq: Seq,
    #[serde(with = "as_position")]
    pub position: Position,
    pub content_sha256: Digest,
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
}

impl Batch {
    /// What is kept of a record of the log besides its events.
    pub fn of(batch: &RecordingBatch, position: Position, content_sha256: Digest) -> Self {
        Self {
            project: batch.project.clone(),
            session_id: batch.session_id,
            tab: batch.tab.clone(),
            seq: batch.seq,
            position,
            content_sha256,
            received_at_us: batch.received_at_us,
            sent_at_ms: batch.sent_at_ms,
            clock_offset_ms: batch.clock_offset_ms,
            first_at_ms: batch.first_at_ms,
            last_at_ms: batch.last_at_ms,
            events: batch.events,
            raw_bytes: batch.raw_bytes,
            keyframe: batch.keyframe,
            ended: batch.ended,
            is_final: batch.is_final,
            key_id: batch.key_id.clone(),
            key_kind: batch.key_kind,
            level: batch.level.clone(),
            retention_class: batch.retention_class.clone(),
            expires_at_s: batch.expires_at_s,
            rules_version: batch.rules_version,
            source: batch.source.clone(),
            device: batch.device.clone(),
            client_ip: batch.client_ip.clone(),
            user_agent: batch.user_agent.clone(),
            country: batch.country.clone(),
        }
    }

    /// Its identity.
    pub fn id(&self) -> BatchId {
        BatchId {
            project: self.project.clone(),
            session_id: self.session_id,
            tab: self.tab.clone(),
            seq: self.seq,
        }
    }
}

/// A batch that lost to a twin of lower position with other content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The tab of both.
    pub tab: Tab,
    /// The number of both.
    pub seq: Seq,
    /// Where the loser lies in the log.
    #[serde(with = "as_position")]
    pub position: Position,
    /// The loser's content.
    pub content_sha256: Digest,
    /// When the loser was received, Unix microseconds.
    pub received_at_us: i64,
}

/// Everything about an object save the frames' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// What the object is for.
    pub kind: Kind,
    /// The version of the code that made the frames.
    pub materializer_version: u32,
    /// Of a flush object.
    pub range: Option<LogRange>,
    /// Of a data object or claim.
    pub session: Option<SessionGeneration>,
    /// The frames, by offset.
    pub frames: Vec<Frame>,
    /// The batches that the frames are of.
    pub batches: Vec<Batch>,
    /// What the frames do not hold because of a twin.
    pub conflicts: Vec<Conflict>,
}
