//! What can be set about Kafka: each bound with a name, a unit and its default, and what is passed to librdkafka.
//!
//! **Invariant:** what a promise rests on (acknowledgements, idempotence, commits, resets, isolation) is set here and
//! refused where somebody sets it by hand.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use hindsight_schemas::ids::Topic;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::error::OpenError;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// Room for a batch's own header and a record's lengths, beside key and headers.
const BATCH_BYTES: usize = 4 * KIB;

/// What promises rest on: set by this log alone.
const OWN: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "fetch.max.bytes",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queued.max.messages.kbytes",
    "receive.message.max.bytes",
    "request.required.acks",
    "session.timeout.ms",
    "statistics.interval.ms",
    "transactional.id",
];

/// Settings of the log on Kafka.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host:port` of some brokers, separated by commas.
    pub brokers: String,
    /// What the names of topics and groups begin with, so that installations can share a cluster (`hindsight.`).
    pub prefix: String,
    /// Make topics that are missing (yes). Otherwise a missing one is refused.
    pub create_topics: bool,
    /// Partitions of each data topic, chosen once (8). Dead letters always have one.
    pub partitions: u32,
    /// Copies of each partition (3).
    pub replication: u32,
    /// Copies that must have a record before it is acknowledged (2).
    pub min_insync: u32,
    /// How long records are kept (7 days).
    pub retention: Duration,
    /// Longest value of a record, to the byte (8 MiB).
    pub record_bytes: usize,
    /// Most bytes of key and headers of a record (64 KiB; dead letters twice as much).
    pub framing_bytes: usize,
    /// Bytes of records that may wait for their acknowledgement before appends wait themselves (32 MiB).
    pub queue_bytes: usize,
    /// Longest wait of an append for room, and then for its answer (10 s).
    pub append_timeout: Duration,
    /// Longest wait for a commit, a look-up or a topic's description (5 s).
    pub request_timeout: Duration,
    /// How long a member may stay away from `poll` (30 s).
    pub session_timeout: Duration,
    /// Bytes that a member fetches ahead of its polls (4 MiB), and then the answers of brokers that were asked before: each
    /// up to 1 MiB a partition, or the longest record.
    pub fetch_bytes: usize,
    /// Most items of one poll (1024).
    pub poll_items: usize,
    /// Most bytes of one poll; one record always fits (8 MiB).
    pub poll_bytes: usize,
    /// How often it is looked whether the topics are still the same (10 s).
    pub identity_interval: Duration,
    /// How often librdkafka's statistics become metrics (10 s).
    pub statistics_interval: Duration,
    /// TLS to the brokers (none).
    pub tls: Option<Tls>,
    /// SASL (none).
    pub sasl: Option<Sasl>,
    /// More for librdkafka, by its own names (none). What promises rest on is refused.
    pub client: BTreeMap<String, String>,
}

/// TLS to the brokers.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Certificates of the authorities (the system's).
    pub ca_file: Option<PathBuf>,
    /// Our certificate, where brokers ask for one.
    pub certificate_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
}

/// SASL: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
#[derive(Clone)]
pub struct Sasl {
    /// The mechanism.
    pub mechanism: String,
    /// The user.
    pub username: String,
    /// The password; never printed.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "Sasl({}, {}, password not shown)",
            self.mechanism, self.username
        )
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            prefix: "hindsight.".into(),
            create_topics: true,
            partitions: 8,
            replication: 3,
            min_insync: 2,
            retention: Duration::from_secs(7 * 24 * 3600),
            record_bytes: 8 * MIB,
            framing_bytes: 64 * KIB,
            queue_bytes: 32 * MIB,
            append_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            session_timeout: Duration::from_secs(30),
            fetch_bytes: 4 * MIB,
            poll_items: 1024,
            poll_bytes: 8 * MIB,
            identity_interval: Duration::from_secs(10),
            statistics_interval: Duration::from_secs(10),
            tls: None,
            sasl: None,
            client: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// How many partitions a topic has.
    pub(super) fn partitions_of(&self, topic: Topic) -> u32 {
        match topic {
            Topic::DeadLetters => 1,
            _ => self.partitions,
        }
    }

    /// Most bytes of key and headers of a record of this topic: dead letters carry their origin too.
    pub(super) fn framing_bytes_of(&self, topic: Topic) -> usize {
        match topic {
            Topic::DeadLetters => 2 * self.framing_bytes,
            _ => self.framing_bytes,
        }
    }

    /// What `max.message.bytes` of a topic must allow at least.
    pub(super) fn message_bytes_of(&self, topic: Topic) -> usize {
        self.record_bytes + self.framing_bytes_of(topic) + BATCH_BYTES
    }

    /// What can be refused without asking a broker.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let wrong = |why: String| Err(OpenError::Settings(why));
        if self.brokers.trim().is_empty() {
            return wrong("log.brokers is empty: name some brokers as host:port".into());
        }
        if self.min_insync == 0 || self.min_insync > self.replication {
            let (min, copies) = (self.min_insync, self.replication);
            return wrong(format!(
                "log.min_insync is {min}, log.replication {copies}: 1 to {copies} copies can be asked for"
            ));
        }
        if self.partitions == 0 {
            return wrong("log.partitions is 0: at least 1 is needed".into());
        }
        if let Some(name) = self.client.keys().find(|name| OWN.contains(&name.as_str())) {
            return wrong(format!("log.client.{name} is set by hindsight: remove it"));
        }
        self.check_mechanism()
    }

    fn check_mechanism(&self) -> Result<(), OpenError> {
        const KNOWN: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
        match &self.sasl {
            Some(sasl) if !KNOWN.contains(&sasl.mechanism.as_str()) => Err(OpenError::Settings(format!(
                "log.sasl.mechanism is {:?}: this build has {}",
                sasl.mechanism,
                KNOWN.join(", ")
            ))),
            _ => Ok(()),
        }
    }

    /// What every client is told.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Info);
        config.set("client.id", "hindsight");
        for (name, value) in &self.client {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        config.set("allow.auto.create.topics", "false");
        config.set("statistics.interval.ms", ms(self.statistics_interval));
        config.set(
            "message.max.bytes",
            self.message_bytes_of(Topic::DeadLetters).to_string(),
        );
        set_unless_given(&mut config, "reconnect.backoff.max.ms", "1000");
        self.secure(&mut config);
        config
    }

    fn secure(&self, config: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => return,
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(tls) = &self.tls {
            let files = [
                ("ssl.ca.location", &tls.ca_file),
                ("ssl.certificate.location", &tls.certificate_file),
                ("ssl.key.location", &tls.key_file),
            ];
            for (name, file) in files {
                if let Some(file) = file {
                    config.set(name, file.to_string_lossy());
                }
            }
        }
        if let Some(sasl) = &self.sasl {
            config.set("sasl.mechanism", &sasl.mechanism);
            config.set("sasl.username", &sasl.username);
            config.set("sasl.password", &sasl.password);
        }
    }

    /// What the producer is told.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        config.set("message.timeout.ms", ms(self.append_timeout));
        // Twice what appends may hold, so that the bound is ours, where waiting for it is a wait.
        config.set(
            "queue.buffering.max.kbytes",
            (2 * self.queue_bytes / KIB).to_string(),
        );
        config.set("queue.buffering.max.messages", "0");
        set_unless_given(&mut config, "linger.ms", "2");
        config
    }

    /// What a member of a group is told.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        let longest = self.message_bytes_of(Topic::DeadLetters);
        let fetch = self.fetch_bytes.max(longest);
        config.set("group.id", group);
        config.set("group.protocol", "classic");
        config.set("partition.assignment.strategy", "cooperative-sticky");
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error");
        config.set("enable.partition.eof", "true");
        config.set("isolation.level", "read_committed");
        config.set("session.timeout.ms", ms(self.session_timeout));
        config.set("max.poll.interval.ms", ms(self.session_timeout));
        config.set("heartbeat.interval.ms", ms(self.session_timeout / 10));
        config.set("queued.max.messages.kbytes", (self.fetch_bytes / KIB).to_string());
        // A queue that was full is looked at again so soon; librdkafka's own second leaves a reader that is behind idle.
        config.set("fetch.queue.backoff.ms", "10");
        config.set("fetch.max.bytes", fetch.to_string());
        config.set("receive.message.max.bytes", (fetch + MIB).to_string());
        config
    }
}

fn set_unless_given(config: &mut ClientConfig, name: &str, value: &str) {
    if config.get(name).is_none() {
        config.set(name, value);
    }
}

fn ms(of: Duration) -> String {
    of.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings {
            brokers: "kafka:9092".into(),
            ..Settings::default()
        };
        settings.check().expect("the defaults are fine");
        change(&mut settings);
        settings.check().expect_err("it is wrong").to_string()
    }

    #[test]
    fn what_promises_rest_on_cannot_be_changed() {
        for name in ["acks", "enable.idempotence", "auto.offset.reset", "group.id"] {
            let words = refusal(|settings| {
                settings.client.insert(name.into(), "0".into());
            });
            assert!(
                words.contains(&format!("log.client.{name} is set by hindsight")),
                "{words}"
            );
        }
    }

    #[test]
    fn numbers_that_cannot_be_are_named_with_their_keys() {
        let words = refusal(|settings| settings.brokers = " ".into());
        assert!(words.contains("log.brokers"), "{words}");
        let words = refusal(|settings| settings.min_insync = 4);
        assert!(
            words.contains("log.min_insync is 4, log.replication 3"),
            "{words}"
        );
        let words = refusal(|settings| settings.partitions = 0);
        assert!(words.contains("log.partitions is 0"), "{words}");
    }

    #[test]
    fn passwords_are_not_printed() {
        let sasl = Sasl {
            mechanism: "GSSAPI".into(),
            username: "hindsight".into(),
            password: "correct horse".into(),
        };
        assert!(!format!("{sasl:?}").contains("horse"));
        let words = refusal(|settings| settings.sasl = Some(sasl));
        assert!(
            words.contains("GSSAPI") && words.contains("SCRAM-SHA-512"),
            "{words}"
        );
    }
}
