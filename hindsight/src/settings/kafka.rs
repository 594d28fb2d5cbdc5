//! `[log] kind = "kafka"` as it is written in a settings file; `Settings` of the engine says what each bound is for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hindsight_engines::log::kafka;
use hindsight_engines::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize};

/// Kafka.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kafka {
    /// `host:port` of some brokers, separated by commas.
    pub(crate) brokers: String,
    /// What the names of topics and groups begin with, so that installations can share a cluster.
    pub(crate) prefix: String,
    /// Make topics that are missing; otherwise a missing one is refused.
    pub(crate) create_topics: bool,
    /// Copies of each partition.
    pub(crate) replication: u32,
    /// Copies that must have a record before it is acknowledged.
    pub(crate) min_insync: u32,
    /// Bytes of records that may wait for their acknowledgement before appends wait themselves.
    pub(crate) queue_bytes: usize,
    /// Bytes that a member of a group fetches ahead.
    pub(crate) fetch_bytes: usize,
    /// Longest wait of an append for room, and then for its answer.
    pub(crate) append_timeout_ms: u64,
    /// Longest wait for a commit or a look-up.
    pub(crate) request_timeout_ms: u64,
    /// How long a process may stand still before its partitions are given to another.
    pub(crate) session_timeout_ms: u64,
    /// TLS to the brokers.
    pub(crate) tls: KafkaTls,
    /// Who we are there.
    pub(crate) sasl: KafkaSasl,
    /// More for librdkafka, by its own names. What promises rest on is refused.
    #[serde(deserialize_with = "texts")]
    pub(crate) client: BTreeMap<String, String>,
}

/// `[log.tls]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KafkaTls {
    pub(crate) enabled: bool,
    /// Certificates of the authorities; empty: the system's.
    pub(crate) ca_file: PathBuf,
    /// Our certificate, where brokers ask for one.
    pub(crate) certificate_file: PathBuf,
    /// Its key.
    pub(crate) key_file: PathBuf,
}

/// `[log.sasl]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KafkaSasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; empty: no SASL.
    pub(crate) mechanism: String,
    pub(crate) username: String,
    pub(crate) password: Secret,
    /// A file that holds the password.
    pub(crate) password_file: PathBuf,
}

impl Default for Kafka {
    fn default() -> Self {
        let engine = kafka::Settings::default();
        Self {
            brokers: engine.brokers,
            prefix: engine.prefix,
            create_topics: engine.create_topics,
            replication: engine.replication,
            min_insync: engine.min_insync,
            queue_bytes: engine.queue_bytes,
            fetch_bytes: engine.fetch_bytes,
            append_timeout_ms: ms(engine.append_timeout),
            request_timeout_ms: ms(engine.request_timeout),
            session_timeout_ms: ms(engine.session_timeout),
            tls: KafkaTls::default(),
            sasl: KafkaSasl::default(),
            client: engine.client,
        }
    }
}

impl Kafka {
    /// For the engine, with what both kinds of log have.
    pub(crate) fn engine(
        &self,
        partitions: u32,
        retention_hours: u64,
        record_bytes: usize,
    ) -> kafka::Settings {
        kafka::Settings {
            brokers: self.brokers.clone(),
            prefix: self.prefix.clone(),
            create_topics: self.create_topics,
            partitions,
            replication: self.replication,
            min_insync: self.min_insync,
            retention: Duration::from_secs(retention_hours * 3600),
            record_bytes,
            queue_bytes: self.queue_bytes,
            fetch_bytes: self.fetch_bytes,
            append_timeout: Duration::from_millis(self.append_timeout_ms),
            request_timeout: Duration::from_millis(self.request_timeout_ms),
            session_timeout: Duration::from_millis(self.session_timeout_ms),
            tls: self.tls.engine(),
            sasl: self.sasl.engine(),
            client: self.client.clone(),
            ..kafka::Settings::default()
        }
    }
}

impl KafkaTls {
    fn engine(&self) -> Option<kafka::Tls> {
        let file = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_path_buf());
        self.enabled.then(|| kafka::Tls {
            ca_file: file(&self.ca_file),
            certificate_file: file(&self.certificate_file),
            key_file: file(&self.key_file),
        })
    }
}

impl KafkaSasl {
    fn engine(&self) -> Option<kafka::Sasl> {
        (!self.mechanism.is_empty()).then(|| kafka::Sasl {
            mechanism: self.mechanism.clone(),
            username: self.username.clone(),
            password: self.password.reveal().into(),
        })
    }
}

fn ms(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

/// Numbers and truths as librdkafka takes them: as text.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, serde_json::Value>::deserialize(from)?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(values
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect())
}
