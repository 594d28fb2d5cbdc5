//! The embedded event log: one file, `log.redb`, in a folder; for one process.
//!
//! ```text
//! append ─┐  bounded queue    ┌─ one redb transaction = one sync ─┐   publish ends, commits
//! commit ─┼────────────────▶ writer thread ──────────────────────▶ store ─────────▶ shared state ─▶ answers
//! retain ─┘                                                         ▲                   │
//! poll ◀──────────── bounded scans up to the durable end ───────────┘◀──────────────────┘
//! ```
//!
//! **Invariants.** Only the writer thread changes the file. Nothing is visible before it is synced. The next
//! offset of a partition is stored apart from the records, so no offset is used twice. The log's id is made with
//! the file. One process at a time: the file is locked.
//!
//! **Failure.** A disk that is full or fails: appends are refused with its words, readers go on, and writing
//! goes on when the disk does (`store`). A kill at any moment: the file opens as of the last commit.
//!
//! **Bounds.** [`Options`], each with its default.

mod assignment;
mod batch;
mod clock;
mod consumer;
mod disk;
mod error;
pub mod faults;
mod groups;
mod inner;
mod meters;
mod options;
mod overlay;
mod queue;
mod record;
mod retention;
mod state;
mod store;
mod tables;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub use clock::{Clock, SystemClock};
pub use error::OpenError;
pub use options::{Options, RegisteredGroup};
pub use tables::Ends;

use super::murmur2::partition_of;
use super::{
    AppendError, Committed, Consumer, ConsumerError, EventLog, NewRecord, ReadBounds, Reader, Route,
    StoredRecord,
};
use consumer::EmbeddedConsumer;
use groups::Coordinator;
use inner::{Budget, Inner};
use queue::{Append, Request};
use state::Shared;
use store::Store;
use writer::Writer;

/// Name of the file in the log's folder.
pub const FILE_NAME: &str = "log.redb";

/// The embedded event log. Dropping it drains and closes it.
pub struct EmbeddedLog {
    inner: Arc<Inner>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What the log holds.
#[derive(Debug, Clone)]
pub struct Stats {
    /// Bytes of records on the disk, as counted against `max_bytes`.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Length of the file, holes for new records included.
    pub file_bytes: u64,
    /// Each partition.
    pub partitions: BTreeMap<Partition, Ends>,
    /// Why writing is refused at the moment, if it is.
    pub refusal: Option<String>,
}

impl EmbeddedLog {
    /// Opens the log in this folder, which is made if need be, and starts its writer thread.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let file = folder.join(FILE_NAME);
        let io = |source| OpenError::Io {
            path: file.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(io)?;
        let (store, loaded) = Store::open(&file, &options)?;
        if loaded.partitions != options.partitions {
            let (stored, asked) = (loaded.partitions, options.partitions);
            return Err(OpenError::Partitions {
                path: file,
                stored,
                asked,
            });
        }
        // The folder's entry of a new file must survive a crash as well as the file.
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io)?;
        let groups = Coordinator::new(
            tables::all_partitions(&options).collect(),
            options.session_timeout,
        );
        let shared = Arc::new(Shared::new(loaded.ends, loaded.commits, groups));
        let (requests, waiting) = channel();
        let store = Arc::new(store);
        let writer = Writer {
            log_id: loaded.log_id,
            options: options.clone(),
            store: Arc::clone(&store),
            shared: Arc::clone(&shared),
            requests: waiting,
            retention_due: options.clock.monotonic(),
        };
        let thread = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || writer.run())
            .map_err(io)?;
        let room = Arc::new(Semaphore::new((options.queue_bytes / 1024).max(1)));
        let inner = Arc::new(Inner {
            id: loaded.log_id,
            options,
            store,
            shared,
            requests,
            room,
        });
        Ok(Self {
            inner,
            writer: Mutex::new(Some(thread)),
        })
    }

    /// Answers everything that waits, then closes the file. Later calls are refused.
    pub fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return };
        let _ = self.inner.requests.send(Request::Close);
        if writer.join().is_err() {
            tracing::error!("log writer panicked");
        }
    }

    /// What the log holds now.
    pub fn stats(&self) -> Stats {
        let state = self.inner.shared.lock();
        let partitions = state.ends.clone();
        let bytes = state.bytes();
        drop(state);
        Stats {
            bytes,
            records: partitions.values().map(|ends| ends.records).sum(),
            file_bytes: self.inner.store.disk().len().unwrap_or(0),
            partitions,
            refusal: self.inner.store.refusal(),
        }
    }

    /// Applies retention now instead of at its next time; says how many records went.
    pub fn retain(&self) -> Result<u64, ConsumerError> {
        self.inner.ask(Request::Retain).unwrap_or_else(|| Err(closed()))
    }

    /// Leaves a hole in a partition's offsets, as transactions do on Kafka: for tests of what reads the log.
    pub fn skip_offsets(&self, partition: Partition, offsets: u64) -> Result<(), ConsumerError> {
        self.inner.offsets(partition)?;
        let answer = self.inner.ask(|reply| Request::Skip(partition, offsets, reply));
        answer.unwrap_or_else(|| Err(closed()))
    }

    fn route(&self, record: &NewRecord) -> Result<Partition, AppendError> {
        let partitions = self.partitions(record.topic);
        let number = match record.to {
            Route::ByKey => partition_of(&record.key, partitions),
            Route::Partition(number) => number,
        };
        let partition = Partition {
            topic: record.topic,
            partition: number,
        };
        if number < partitions {
            Ok(partition)
        } else {
            Err(AppendError::NoSuchPartition(partition))
        }
    }

    fn check_length(&self, record: &NewRecord) -> Result<(), AppendError> {
        let limit = self.inner.options.record_bytes;
        let bytes = record.value.as_ref().map_or(0, bytes::Bytes::len);
        if bytes > limit {
            return Err(AppendError::TooLarge { bytes, limit });
        }
        let framing = record::framing_len(record);
        let framing_limit = self.inner.options.framing_bytes_of(record.topic);
        if framing > framing_limit {
            return Err(AppendError::TooLarge {
                bytes: bytes + framing,
                limit: limit + framing_limit,
            });
        }
        Ok(())
    }

    async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, AppendError> {
        let Inner { options, room, .. } = &*self.inner;
        let all = options.queue_bytes / 1024;
        let kib = u32::try_from(bytes.div_ceil(1024).clamp(1, all.max(1))).unwrap_or(u32::MAX);
        match timeout(options.append_timeout, Arc::clone(room).acquire_many_owned(kib)).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(log_closed()),
            Err(_) => Err(AppendError::Unavailable(format!(
                "its queue was full for {:?}",
                options.append_timeout
            ))),
        }
    }
}

fn closed() -> ConsumerError {
    ConsumerError::Engine("the log is closed".into())
}

fn log_closed() -> AppendError {
    AppendError::Unavailable("the log is closed".into())
}

#[async_trait]
impl EventLog for EmbeddedLog {
    /// One for all topics: they lie in one file.
    fn id(&self, _: Topic) -> LogId {
        self.inner.id
    }

    fn partitions(&self, topic: Topic) -> u32 {
        self.inner.options.partitions_of(topic)
    }

    /// A caller that goes away does not take its records back.
    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        let mut routed = Vec::with_capacity(records.len());
        let mut bytes = 0;
        for record in records {
            self.check_length(&record)?;
            bytes += record::encoded_len(&record);
            routed.push((self.route(&record)?, record));
        }
        if routed.is_empty() {
            return Ok(Vec::new());
        }
        let permit = self.room_for(bytes).await?;
        let (reply, answer) = oneshot::channel();
        let append = Append {
            records: routed,
            reply,
            _permit: permit,
        };
        self.inner
            .requests
            .send(Request::Append(append))
            .map_err(|_| log_closed())?;
        let longest = self.inner.options.append_timeout;
        match timeout(longest, answer).await {
            Ok(answered) => answered.unwrap_or_else(|_| Err(log_closed())),
            Err(_) => Err(AppendError::Unavailable(format!("no answer within {longest:?}"))),
        }
    }

    fn consumer(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, ConsumerError> {
        if self.inner.shared.lock().closed {
            return Err(closed());
        }
        Ok(Box::new(EmbeddedConsumer::join(
            Arc::clone(&self.inner),
            group,
            topics,
        )))
    }

    async fn offsets(&self, partition: Partition) -> Result<(Offset, Offset), ConsumerError> {
        self.inner.offsets(partition)
    }

    async fn committed(&self, group: &str, partition: Partition) -> Result<Option<Committed>, ConsumerError> {
        let state = self.inner.shared.lock();
        Ok(state
            .commits
            .get(group)
            .and_then(|group| group.get(&partition))
            .cloned())
    }

    async fn members(&self, group: &str) -> Result<usize, ConsumerError> {
        let now = self.inner.options.clock.monotonic();
        Ok(self.inner.shared.lock().groups.members(group, now))
    }

    fn reader(&self, partition: Partition, from: Offset) -> Box<dyn Reader> {
        Box::new(EmbeddedReader {
            inner: Arc::clone(&self.inner),
            partition,
            next: from,
        })
    }
}

/// Where a reader is.
struct EmbeddedReader {
    inner: Arc<Inner>,
    partition: Partition,
    next: Offset,
}

#[async_trait]
impl Reader for EmbeddedReader {
    async fn page(&mut self, most: ReadBounds) -> Result<Vec<StoredRecord>, ConsumerError> {
        let (inner, partition, from) = (Arc::clone(&self.inner), self.partition, self.next);
        let reading = spawn_blocking(move || {
            let (_, end) = inner.offsets(partition)?;
            let mut budget = Budget::new(most.records, most.bytes);
            Ok(inner.scan(partition, from..end.max(from), &mut budget)?.records)
        });
        let read = reading.await;
        let page = read
            .unwrap_or_else(|error| Err(ConsumerError::Engine(format!("reading was cut short: {error}"))))?;
        if let Some(last) = page.last() {
            self.next = last.position.offset + 1;
        }
        Ok(page)
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}
