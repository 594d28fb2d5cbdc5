//! Appending: an idempotent producer with acknowledgements of all in-sync copies, awaited once for each request.
//!
//! **Invariant:** a request is answered with positions only when each of its records has been acknowledged. Records
//! that were handed to librdkafka keep their room in the queue until they are delivered or have failed, also when
//! the caller went away.
//!
//! **Failure**: the request fails with the first record's error; the rest may be kept or not. A producer that librdkafka
//! calls broken for good (a lost sequence) is replaced by a new one. **Bound**: `queue_bytes` of records, `append_timeout`
//! for room and again for the acknowledgement.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hindsight_schemas::ids::{Partition, Position};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Statistics};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::context::{Complaints, Context};
use super::error::OpenError;
use super::identity::Identity;
use super::meters;
use super::names::Names;
use crate::log::{AppendError, NewRecord};

/// A request on its way.
pub(super) struct Request {
    state: Mutex<RequestState>,
    /// Keeps the room of its records until the last is through.
    _room: OwnedSemaphorePermit,
}

/// What became of each record, in the order of the request.
type Outcomes = Vec<Result<(Partition, u64), KafkaError>>;

struct RequestState {
    positions: Vec<Option<Result<(Partition, u64), KafkaError>>>,
    missing: usize,
    reply: Option<oneshot::Sender<Outcomes>>,
}

impl Request {
    /// Notes what became of one record, and answers when it was the last.
    fn note(&self, index: usize, partition: Partition, outcome: Result<u64, KafkaError>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.positions[index] = Some(outcome.map(|offset| (partition, offset)));
        state.missing -= 1;
        if state.missing == 0
            && let Some(reply) = state.reply.take()
        {
            let _ = reply.send(
                std::mem::take(&mut state.positions)
                    .into_iter()
                    .flatten()
                    .collect(),
            );
        }
    }
}

/// One record of a request, as librdkafka carries it.
pub(super) struct Pending {
    request: Arc<Request>,
    index: usize,
    partition: Partition,
}

/// Tells requests what became of their records.
pub(super) struct Deliveries(Context);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.0.log(level, facility, line);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }

    fn error(&self, error: KafkaError, words: &str) {
        self.0.error(error, words);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        let outcome = match result {
            Ok(message) => u64::try_from(message.offset())
                .map_err(|_| KafkaError::MessageProduction(RDKafkaErrorCode::Fail)),
            Err((error, _)) => Err(error.clone()),
        };
        pending.request.note(pending.index, pending.partition, outcome);
    }
}

/// What is needed to make a producer, and the one in use.
pub(super) struct Producer {
    config: ClientConfig,
    complaints: Complaints,
    names: Names,
    current: Mutex<Arc<ThreadedProducer<Deliveries>>>,
}

impl Producer {
    pub(super) fn start(
        config: ClientConfig,
        names: Names,
        complaints: Complaints,
    ) -> Result<Self, OpenError> {
        let producer = make(&config, &complaints).map_err(|error| OpenError::Client(error.to_string()))?;
        Ok(Self {
            config,
            complaints,
            names,
            current: Mutex::new(Arc::new(producer)),
        })
    }

    /// The client, for look-ups.
    pub(super) fn with_client<T>(&self, look: impl FnOnce(&Client<Deliveries>) -> T) -> T {
        let producer = self.current();
        look(producer.client())
    }

    fn current(&self) -> Arc<ThreadedProducer<Deliveries>> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends all, answered when all are through.
    pub(super) async fn send(
        &self,
        records: Vec<(Partition, NewRecord)>,
        room: OwnedSemaphorePermit,
        identity: &Identity,
    ) -> Result<Vec<Position>, AppendError> {
        let (count, started) = (records.len(), Instant::now());
        let bytes = records
            .iter()
            .map(|(_, record)| record.value.as_ref().map_or(0, bytes::Bytes::len));
        let bytes = bytes.sum();
        let (reply, answer) = oneshot::channel();
        let request = Arc::new(Request {
            state: Mutex::new(RequestState {
                positions: vec![None; count],
                missing: count,
                reply: Some(reply),
            }),
            _room: room,
        });
        let producer = self.current();
        for (index, (partition, record)) in records.iter().enumerate() {
            self.hand_over(&producer, &request, index, *partition, record);
        }
        drop((records, request));
        let outcomes = answer
            .await
            .map_err(|_| AppendError::Unavailable("the log was closed".into()))?;
        let positions: Result<Vec<_>, _> = outcomes.into_iter().collect();
        match positions {
            Ok(positions) => {
                meters::appended(count, bytes, started.elapsed());
                Ok(positions
                    .into_iter()
                    .map(|(partition, offset)| Position {
                        log_id: identity.id(partition.topic),
                        partition,
                        offset,
                    })
                    .collect())
            }
            Err(error) => {
                meters::failed();
                self.replace_if_broken(&producer);
                Err(AppendError::Unavailable(
                    self.complaints.explain(&words_of(&error)),
                ))
            }
        }
    }

    fn hand_over(
        &self,
        producer: &ThreadedProducer<Deliveries>,
        request: &Arc<Request>,
        index: usize,
        partition: Partition,
        record: &NewRecord,
    ) {
        let pending = Box::new(Pending {
            request: Arc::clone(request),
            index,
            partition,
        });
        let mut message = BaseRecord::with_opaque_to(self.names.topic(partition.topic), pending)
            .partition(partition.partition.cast_signed())
            .key(&record.key[..]);
        if let Some(value) = &record.value {
            message = message.payload(&value[..]);
        }
        if !record.headers.is_empty() {
            message = message.headers(headers(record));
        }
        if let Err((error, refused)) = producer.send(message) {
            let Pending {
                request,
                index,
                partition,
            } = *refused.delivery_opaque;
            request.note(index, partition, Err(error));
        }
    }

    /// A producer with a fatal error takes nothing more.
    fn replace_if_broken(&self, producer: &Arc<ThreadedProducer<Deliveries>>) {
        let Some((code, words)) = producer.client().fatal_error() else {
            return;
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, producer) {
            return;
        }
        let words = format!("{words}{}", remedy(code));
        self.complaints.note(Some(code), &words);
        tracing::error!(%code, words, "producer is broken, making a new one");
        match make(&self.config, &self.complaints) {
            Ok(new) => *current = Arc::new(new),
            Err(error) => tracing::error!(%error, "no new producer"),
        }
    }
}

fn make(config: &ClientConfig, complaints: &Complaints) -> Result<ThreadedProducer<Deliveries>, KafkaError> {
    let context = Context {
        client: "producer".into(),
        complaints: complaints.clone(),
    };
    ThreadedProducer::from_config_and_context(config, Deliveries(context))
}

fn headers(record: &NewRecord) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(headers, |headers, (name, value)| {
        headers.insert(Header {
            key: name,
            value: Some(&value[..]),
        })
    })
}

/// The engine's words, with the remedy where there is one.
fn words_of(error: &KafkaError) -> String {
    format!("{error}{}", error.rdkafka_error_code().map_or("", remedy))
}

/// What to do about an error, if that is known.
fn remedy(code: RDKafkaErrorCode) -> &'static str {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, MessageSizeTooLarge, MessageTimedOut, NotEnoughReplicas,
        NotEnoughReplicasAfterAppend, TopicAuthorizationFailed, UnknownTopicOrPartition,
    };
    match code {
        MessageSizeTooLarge => "; raise the topic's max.message.bytes, or lower limits.record_bytes",
        // Who may write to no topic at all may not begin to write either.
        TopicAuthorizationFailed | ClusterAuthorizationFailed => {
            "; give the user the right to write to the topic"
        }
        NotEnoughReplicas | NotEnoughReplicasAfterAppend => {
            "; fewer brokers are in sync than min.insync.replicas asks for: bring them back"
        }
        UnknownTopicOrPartition => "; the topic or partition is gone",
        MessageTimedOut => "; no acknowledgement within the bound",
        _ => "",
    }
}
