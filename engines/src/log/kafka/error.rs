//! Why the log on Kafka does not open: each with both values and what to do.

use super::topics::Difference;

/// Why the log did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting that can't be.
    #[error("{0}")]
    Settings(String),
    /// A setting that librdkafka does not take.
    #[error("kafka client refused its settings: {0}")]
    Client(String),
    /// No broker answered, or none let us in.
    #[error(
        "kafka at {brokers} did not answer: {words}; check log.brokers, log.tls and log.sasl, and that the brokers' \
         advertised.listeners can be reached from here"
    )]
    Unreachable {
        /// What was tried.
        brokers: String,
        /// What librdkafka said.
        words: String,
    },
    /// The brokers answer and do not let us in: waiting does not change it.
    #[error("kafka at {brokers} refuses us: {words}; check log.tls and log.sasl, and the rights of the user")]
    Denied {
        /// What was tried.
        brokers: String,
        /// What librdkafka said.
        words: String,
    },
    /// A topic is missing and is not to be made.
    #[error("topic {topic} is missing and log.create_topics is false: create it, or let hindsight do so")]
    Missing {
        /// The topic's name in the cluster.
        topic: String,
    },
    /// A topic could not be made, for now or because `log.replication` is too high.
    #[error(
        "topic {topic} could not be created with {copies} copies: there are fewer brokers than log.replication asks for; \
         start more, or lower it"
    )]
    TooFewBrokers {
        /// The topic's name in the cluster.
        topic: String,
        /// Copies that were asked for.
        copies: u32,
    },
    /// A topic could not be made.
    #[error("topic {topic} could not be created with {copies} copies of {partitions} partitions: {words}")]
    Create {
        /// The topic's name in the cluster.
        topic: String,
        /// Copies that were asked for (`log.replication`).
        copies: u32,
        /// Partitions that were asked for.
        partitions: u32,
        /// What the broker said.
        words: String,
    },
    /// A topic is not as the settings say.
    #[error("topic {topic}: {difference}")]
    Differs {
        /// The topic's name in the cluster.
        topic: String,
        /// Both values and the remedy.
        difference: Difference,
    },
}
