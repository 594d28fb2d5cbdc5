//! What librdkafka tells beside the answers: its log lines go to `tracing`, its statistics to the metrics, and its last
//! complaint is kept, because a time-out alone does not say that a password was wrong.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Statistics, TopicPartitionList};

use super::meters;

/// How long a complaint explains a time-out.
const COMPLAINT_AGE: Duration = Duration::from_secs(60);

/// The last complaint of any client of this log.
#[derive(Debug, Clone, Default)]
pub(super) struct Complaints(Arc<Mutex<Option<Complaint>>>);

#[derive(Debug, Clone)]
struct Complaint {
    at: Instant,
    code: Option<RDKafkaErrorCode>,
    words: String,
}

impl Complaints {
    pub(super) fn note(&self, code: Option<RDKafkaErrorCode>, words: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down is said after the reason; it says less.
        let vague = code == Some(RDKafkaErrorCode::AllBrokersDown);
        if vague
            && last
                .as_ref()
                .is_some_and(|last| last.at.elapsed() < COMPLAINT_AGE)
        {
            return;
        }
        *last = Some(Complaint {
            at: Instant::now(),
            code,
            words: words.to_owned(),
        });
    }

    fn last(&self) -> Option<Complaint> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone().filter(|last| last.at.elapsed() < COMPLAINT_AGE)
    }

    /// The words of a refusal that waiting will not change.
    pub(super) fn hopeless(&self) -> Option<String> {
        use RDKafkaErrorCode::{Authentication, SSL};
        let last = self.last()?;
        matches!(last.code, Some(Authentication | SSL)).then(|| last.words.clone())
    }

    /// These words, with what librdkafka complained of lately.
    pub(super) fn explain(&self, words: &str) -> String {
        match self.last() {
            Some(last) if !words.contains(&last.words) => format!("{words}; last complaint: {}", last.words),
            _ => words.to_owned(),
        }
    }
}

/// The context of a client.
pub(super) struct Context {
    /// What the client is for: `producer`, or the group's name.
    pub(super) client: String,
    pub(super) complaints: Complaints,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(&self.client, level, facility, line);
    }

    fn stats(&self, statistics: Statistics) {
        meters::statistics(&self.client, &statistics);
    }

    fn error(&self, error: KafkaError, words: &str) {
        // What a closing client leaves in its queue comes here too, and an end is no complaint.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        self.complaints.note(error.rdkafka_error_code(), words);
        tracing::warn!(client = self.client, %error, words, "kafka client complains");
    }
}

impl ConsumerContext for Context {
    /// Called only while a consumer closes: rebalances are otherwise handled by who polls the queue.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        _: rdkafka::types::RDKafkaRespErr,
        _: &mut TopicPartitionList,
    ) {
        if let Err(error) = consumer.unassign() {
            tracing::warn!(client = self.client, %error, "partitions could not be given back");
        }
    }
}

/// librdkafka's lines, by its own levels; what it calls an error is a warning here, because it tries again.
pub(super) fn log_line(client: &str, level: RDKafkaLogLevel, facility: &str, line: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Emerg, Error, Info, Notice, Warning};
    match level {
        Emerg | Alert | Critical | Error | Warning => tracing::warn!(client, facility, line, "librdkafka"),
        Notice | Info => tracing::info!(client, facility, line, "librdkafka"),
        RDKafkaLogLevel::Debug => tracing::debug!(client, facility, line, "librdkafka"),
    }
}
