//! Settings of the four engines: of which kind each is, and what can be set about that kind.
//!
//! **Invariant:** a section's keys are those of its kinds together, one name one meaning; which belong to which kind
//! follows from the types (`kinds`), so that a key of the other kind can be refused.

use std::path::PathBuf;

use hindsight_engines::analytics::ServerOptions;
use hindsight_engines::search::elasticsearch::ElasticsearchOptions;
use hindsight_engines::segments::S3Options;
use serde::{Deserialize, Serialize};

use super::kafka::Kafka;

/// Where accepted records are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogKind {
    /// In the data folder, by this process alone.
    #[default]
    Embedded,
    /// In Kafka.
    Kafka,
}

/// The event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Log {
    pub(crate) kind: LogKind,
    /// Partitions of each data topic: chosen once, at the first start.
    pub(crate) partitions: u32,
    /// Records older than this may go: embedded, once every materializer has passed them (72); on Kafka, passed or
    /// not (168).
    pub(crate) retention_hours: u64,
    #[serde(flatten)]
    pub(crate) embedded: EmbeddedLog,
    #[serde(flatten)]
    pub(crate) kafka: Kafka,
}

/// Retention on Kafka, where none is set: a view may stand still over a long weekend.
pub(super) const KAFKA_RETENTION_HOURS: u64 = 7 * 24;

impl Default for Log {
    fn default() -> Self {
        Self {
            kind: LogKind::default(),
            partitions: 8,
            retention_hours: 72,
            embedded: EmbeddedLog::default(),
            kafka: Kafka::default(),
        }
    }
}

/// `kind = "embedded"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EmbeddedLog {
    /// Above this, the oldest records that were passed may go, however young.
    pub(crate) retention_bytes: u64,
    /// Disk bound: above it the edge answers 503, since nothing is removed that a view hasn't passed.
    pub(crate) max_bytes: u64,
    /// Free space of the disk below which the edge answers 503, so that the views can still commit.
    pub(crate) min_free_bytes: u64,
    /// Page cache of the store.
    pub(crate) cache_bytes: usize,
}

impl Default for EmbeddedLog {
    fn default() -> Self {
        Self {
            retention_bytes: 16 << 30,
            max_bytes: 20 << 30,
            min_free_bytes: 64 << 20,
            cache_bytes: 16 << 20,
        }
    }
}

/// Where tables are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClickHouseKind {
    /// In the data folder, by a child process.
    #[default]
    Embedded,
    /// In a ClickHouse server, by its HTTP interface.
    Server,
}

/// ClickHouse.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClickHouse {
    pub(crate) kind: ClickHouseKind,
    #[serde(flatten)]
    pub(crate) embedded: EmbeddedClickHouse,
    #[serde(flatten)]
    pub(crate) server: ClickHouseServer,
}

/// `kind = "embedded"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EmbeddedClickHouse {
    /// Its library; empty: in the cache (`make libchdb`).
    pub(crate) libchdb: PathBuf,
    /// Memory of the child process.
    pub(crate) memory_bytes: u64,
}

impl Default for EmbeddedClickHouse {
    fn default() -> Self {
        Self {
            libchdb: PathBuf::new(),
            memory_bytes: 2 << 30,
        }
    }
}

/// `kind = "server"`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClickHouseServer {
    #[serde(flatten)]
    pub(crate) options: ServerOptions,
    /// A file that holds the password.
    pub(crate) password_file: PathBuf,
}

/// Where documents are searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SearchKind {
    /// In the data folder, by this process alone.
    #[default]
    Embedded,
    /// In Elasticsearch.
    Elasticsearch,
}

/// Full-text search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    pub(crate) kind: SearchKind,
    #[serde(flatten)]
    pub(crate) elasticsearch: Elasticsearch,
}

/// `kind = "elasticsearch"`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Elasticsearch {
    #[serde(flatten)]
    pub(crate) options: ElasticsearchOptions,
    /// A file that holds the API key.
    pub(crate) api_key_file: PathBuf,
    /// A file that holds the password.
    pub(crate) password_file: PathBuf,
}

/// Where replays are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SegmentsKind {
    /// In the data folder, by this process alone.
    #[default]
    Folder,
    /// In an S3 bucket.
    S3,
}

/// Replay segments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Segments {
    pub(crate) kind: SegmentsKind,
    #[serde(flatten)]
    pub(crate) s3: S3,
}

/// `kind = "s3"`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct S3 {
    #[serde(flatten)]
    pub(crate) options: S3Options,
    /// A file that holds the secret key.
    pub(crate) secret_key_file: PathBuf,
}
