//! The event log on Kafka, by librdkafka.
//!
//! ```text
//! append ──▶ room in bytes ──▶ idempotent producer ──▶ brokers ──▶ acknowledged by all in-sync copies ──▶ answer
//! poll   ◀── bounded batch ◀── queue of the member's records ◀── prefetch (fetch_bytes)
//! commit ──▶ own partitions only, one in flight ──▶ coordinator ──▶ answer of each partition
//! watch  ──▶ ids of the topics, each identity_interval
//! ```
//!
//! **Invariants.** What the seam promises (`log`), shown by the conformance suite against real brokers. The topics are
//! those of the start, or nothing goes on (`identity`). Everything that a promise rests on is set here (`settings`) or
//! checked at the start (`topics`).
//!
//! **Failure.** Brokers away: appends are refused after their bound, polls bring nothing, look-ups fail, all with
//! librdkafka's last complaint; it goes on by itself when they are back. **Bounds**: [`Settings`], each with its default.

mod bell;
mod browse;
mod consumer;
mod context;
mod cursors;
mod error;
mod identity;
mod inner;
mod lease;
mod member;
mod meters;
mod names;
mod native;
mod patience;
mod producer;
mod readers;
mod settings;
mod topics;
mod watch;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};
use rdkafka::TopicPartitionList;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub use error::OpenError;
pub use settings::{Sasl, Settings, Tls};
pub use topics::Difference;

use super::murmur2::partition_of;
use super::{AppendError, Committed, Consumer, ConsumerError, EventLog, NewRecord, Reader, Route};
use browse::Browser;
use consumer::KafkaConsumer;
use context::Complaints;
use identity::Identity;
use inner::Inner;
use names::Names;
use producer::Producer;
use readers::Readers;
use watch::Watch;

/// The event log on Kafka.
pub struct KafkaLog {
    inner: Arc<Inner>,
    room: Arc<Semaphore>,
    _watch: Watch,
}

impl KafkaLog {
    /// Connects, makes topics that are missing, and checks those that are there. Blocks for up to a few
    /// `append_timeout`.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        settings.check()?;
        native::give_back_large_pieces();
        let names = Names::new(&settings.prefix);
        let complaints = Complaints::default();
        let producer = Producer::start(settings.producer(), names.clone(), complaints.clone())?;
        let found = producer.with_client(|client| topics::prepare(client, &settings, &names, &complaints))?;
        let identity = Identity::new(&names, &found);
        let room = Arc::new(Semaphore::new((settings.queue_bytes / 1024).max(1)));
        let inner = Arc::new(Inner {
            settings,
            names,
            complaints,
            identity,
            producer,
            unanswered: Mutex::default(),
            readers: Readers::default(),
        });
        Ok(Self {
            room,
            _watch: Watch::start(Arc::clone(&inner)),
            inner,
        })
    }

    /// How many copies of a record there are before it is acknowledged. With 1 a broken disk loses what was promised.
    pub fn acknowledged_copies(&self) -> u32 {
        self.inner.settings.min_insync
    }

    fn route(&self, record: &NewRecord) -> Result<Partition, AppendError> {
        let partitions = self.partitions(record.topic);
        let partition = match record.to {
            Route::ByKey => partition_of(&record.key, partitions),
            Route::Partition(number) => number,
        };
        let partition = Partition {
            topic: record.topic,
            partition,
        };
        if partition.partition < partitions {
            Ok(partition)
        } else {
            Err(AppendError::NoSuchPartition(partition))
        }
    }

    fn check_length(&self, record: &NewRecord) -> Result<(), AppendError> {
        let limit = self.inner.settings.record_bytes;
        let bytes = record.value.as_ref().map_or(0, bytes::Bytes::len);
        if bytes > limit {
            return Err(AppendError::TooLarge { bytes, limit });
        }
        let (framing, framing_limit) = (
            framing_len(record),
            self.inner.settings.framing_bytes_of(record.topic),
        );
        if framing > framing_limit {
            return Err(AppendError::TooLarge {
                bytes: bytes + framing,
                limit: limit + framing_limit,
            });
        }
        Ok(())
    }

    async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, AppendError> {
        let settings = &self.inner.settings;
        let all = (settings.queue_bytes / 1024).max(1);
        let kib = u32::try_from(bytes.div_ceil(1024).clamp(1, all)).unwrap_or(u32::MAX);
        let longest = settings.append_timeout;
        match timeout(longest, Arc::clone(&self.room).acquire_many_owned(kib)).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(AppendError::Unavailable("the log is closed".into())),
            Err(_) => Err(AppendError::Unavailable(
                self.inner
                    .complaints
                    .explain(&format!("its queue was full for {longest:?}")),
            )),
        }
    }
}

/// What key and headers take in a record, its lengths included.
fn framing_len(record: &NewRecord) -> usize {
    const LENGTHS: usize = 16;
    let headers = record.headers.iter();
    let headers: usize = headers
        .map(|(name, value)| name.len() + value.len() + LENGTHS)
        .sum();
    record.key.len() + headers + LENGTHS
}

#[async_trait]
impl EventLog for KafkaLog {
    fn id(&self, topic: Topic) -> LogId {
        self.inner.identity.id(topic)
    }

    fn partitions(&self, topic: Topic) -> u32 {
        self.inner.identity.partitions(topic)
    }

    /// A caller that goes away does not take its records back.
    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        self.inner.identity.intact().map_err(AppendError::Unavailable)?;
        let mut routed = Vec::with_capacity(records.len());
        let mut bytes = 0;
        for record in records {
            self.check_length(&record)?;
            bytes += framing_len(&record) + record.value.as_ref().map_or(0, bytes::Bytes::len);
            routed.push((self.route(&record)?, record));
        }
        if routed.is_empty() {
            return Ok(Vec::new());
        }
        let room = self.room_for(bytes).await?;
        self.inner.producer.send(routed, room, &self.inner.identity).await
    }

    fn consumer(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, ConsumerError> {
        self.inner.intact()?;
        let consumer = KafkaConsumer::join(Arc::clone(&self.inner), group, topics)?;
        Ok(Box::new(consumer))
    }

    async fn offsets(&self, partition: Partition) -> Result<(Offset, Offset), ConsumerError> {
        let inner = Arc::clone(&self.inner);
        let asked = spawn_blocking(move || inner.offsets(partition)).await;
        asked.map_err(member::engine)?
    }

    async fn committed(&self, group: &str, partition: Partition) -> Result<Option<Committed>, ConsumerError> {
        self.inner.intact()?;
        let inner = Arc::clone(&self.inner);
        let reader = inner
            .readers
            .of(group, &inner.settings, &inner.names, &inner.complaints)?;
        let asked = spawn_blocking(move || {
            let mut list = TopicPartitionList::with_capacity(1);
            list.add_partition(
                inner.names.topic(partition.topic),
                partition.partition.cast_signed(),
            );
            member::committed_of(&reader, &inner.names, list, inner.settings.request_timeout)
        });
        let found = asked.await.map_err(member::engine)??;
        Ok(found
            .into_iter()
            .find_map(|(of, committed)| committed.filter(|_| of == partition)))
    }

    async fn members(&self, group: &str) -> Result<usize, ConsumerError> {
        let (inner, group) = (Arc::clone(&self.inner), group.to_owned());
        let asked = spawn_blocking(move || inner.members(&group)).await;
        asked.map_err(member::engine)?
    }

    fn reader(&self, partition: Partition, from: Offset) -> Box<dyn Reader> {
        Box::new(Browser::new(Arc::clone(&self.inner), partition, from))
    }
}
