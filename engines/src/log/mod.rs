//! The event log: partitioned, ordered, durable; Kafka in production, one embedded store on a laptop.
//!
//! **Invariants** (pinned by the conformance suite for both): readers see only durable records; offsets are
//! never used twice and may have holes; a commit is offset and metadata, atomic and durable before it is
//! answered; commits of a stale generation are refused.
//!
//! Appends are asynchronous. A consumer is owned by one thread, which polls and commits: nothing here
//! needs a lock around it.

pub mod conformance;
pub mod embedded;
pub mod kafka;
pub mod murmur2;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};

/// A record to append.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// Where to.
    pub topic: Topic,
    /// To which partition: by the key's murmur2, or one that is named.
    pub to: Route,
    /// The key (may be empty).
    pub key: Bytes,
    /// The value; `None` is a null value.
    pub value: Option<Bytes>,
    /// Headers, in order; names may repeat.
    pub headers: Vec<(String, Bytes)>,
}

/// How a record finds its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// By murmur2 of the key, as Kafka's default partitioner.
    ByKey,
    /// To this one (erasures go to each).
    Partition(u32),
}

/// A record as it was read.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// Where it lies.
    pub position: Position,
    /// When it was appended, Unix milliseconds; never goes back within a partition.
    pub appended_at_ms: i64,
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Vec<(String, Bytes)>,
}

/// Why an append was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// One record is over `limits.record_bytes`: nothing was kept.
    #[error("record of {bytes} bytes is over the limit of {limit} (limits.record_bytes)")]
    TooLarge {
        /// The value's size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The log is at its disk bound or its disk is full: nothing was kept.
    #[error("the log is full: {0}")]
    Full(String),
    /// A record names a partition that its topic does not have: nothing was kept.
    #[error("there is no partition {0}")]
    NoSuchPartition(Partition),
    /// No answer within the bound: all, part or nothing may be kept; sending the same again is safe.
    #[error("the log did not answer: {0}")]
    Unavailable(String),
}

/// Offset and metadata that a group committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Everything before is done.
    pub offset: Offset,
    /// The intent (see the delivery runtime), or empty.
    pub metadata: String,
}

/// What a poll can bring.
#[derive(Debug, Clone)]
pub enum Polled {
    /// These partitions are ours now. Nothing is read before [`Consumer::seek`] says from where.
    Assigned(Vec<Partition>),
    /// These are no longer ours. The next poll gives them away, so finish or drop them before it.
    Revoked(Vec<Partition>),
    /// A record.
    Record(StoredRecord),
    /// The reader stands at the end of a partition: the next record will have at least this offset.
    EndOfPartition(Partition, Offset),
    /// The position that was asked for is not in the log.
    OutOfRange {
        /// The partition.
        partition: Partition,
        /// What was asked.
        asked: Offset,
        /// What there is: first offset kept, and the offset after the last record.
        available: (Offset, Offset),
    },
}

/// Why a consumer could not do something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConsumerError {
    /// The same commit may be sent again: rebalance in progress, stale epoch, time-out, transport.
    #[error("commit not answered: {0}")]
    Retriable(String),
    /// Unknown member, illegal generation, fenced: the lanes of this consumer are no longer ours.
    #[error("this member is fenced: {0}")]
    Fenced(String),
    /// The engine's own words.
    #[error("log failed: {0}")]
    Engine(String),
}

/// A commit of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The partition.
    pub partition: Partition,
    /// Offset and metadata.
    pub committed: Committed,
}

/// The log.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Names a topic of the log while its offsets mean the same.
    fn id(&self, topic: Topic) -> LogId;

    /// The number of partitions of a topic.
    fn partitions(&self, topic: Topic) -> u32;

    /// Appends records; answered when all are durable. Not atomic over partitions. Order is kept per key.
    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError>;

    /// Joins a group on some topics.
    fn consumer(&self, group: &str, topics: &[Topic]) -> Result<Box<dyn Consumer>, ConsumerError>;

    /// First offset kept and the offset after the last durable record.
    async fn offsets(&self, partition: Partition) -> Result<(Offset, Offset), ConsumerError>;

    /// What a group committed, without joining it (lag, doctor, search's `complete_to`).
    async fn committed(&self, group: &str, partition: Partition) -> Result<Option<Committed>, ConsumerError>;

    /// How many members a group has, without joining it: whether somebody makes a view.
    async fn members(&self, group: &str) -> Result<usize, ConsumerError>;

    /// Reads from an offset on, page by page, without joining a group.
    fn reader(&self, partition: Partition, from: Offset) -> Box<dyn Reader>;

    /// The first page of a [`Self::reader`], for those who look once.
    async fn read(
        &self,
        partition: Partition,
        from: Offset,
        most: ReadBounds,
    ) -> Result<Vec<StoredRecord>, ConsumerError> {
        self.reader(partition, from).page(most).await
    }
}

/// Reads a partition page by page and joins nobody (rebuild, scrub, dead letters). What it fetches ahead stays for the
/// next page.
#[async_trait]
pub trait Reader: Send {
    /// The next records; where they begin before the first that is kept, those from there on. It may bring fewer than
    /// there are; none only where there is none yet. After an error, or where nobody waited for it, the page comes again.
    async fn page(&mut self, most: ReadBounds) -> Result<Vec<StoredRecord>, ConsumerError>;
}

/// What one [`Reader::page`] may bring; the first record always fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBounds {
    /// Records.
    pub records: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
}

impl ReadBounds {
    /// One record, however long.
    pub const ONE: Self = Self { records: 1, bytes: 1 };
}

/// A member of a group. Owned by one thread.
pub trait Consumer: Send {
    /// Waits up to `timeout` for something; returns at most a bounded number of items (and bytes).
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Polled>, ConsumerError> {
        self.poll_within(timeout, usize::MAX)
    }

    /// The same with at most so many bytes of records: the last one may be longer than what is left of them. Without
    /// any it brings what concerns the group alone, and what was fetched stays for the poll that has room.
    fn poll_within(&mut self, timeout: Duration, room: usize) -> Result<Vec<Polled>, ConsumerError>;

    /// What the group last committed for partitions that are ours.
    fn committed(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, ConsumerError>;

    /// Reads on from here; also needed once after an assignment.
    fn seek(&mut self, partition: Partition, offset: Offset) -> Result<(), ConsumerError>;

    /// First offset kept and the offset after the last durable record.
    fn offsets(&mut self, partition: Partition) -> Result<(Offset, Offset), ConsumerError>;

    /// The offset after the last durable record of each, asked for together.
    fn ends(&mut self, partitions: &[Partition]) -> Result<Vec<(Partition, Offset)>, ConsumerError>;

    /// Commits several partitions in one request, atomic for each; durable when answered.
    fn commit(&mut self, commits: &[Commit]) -> Result<(), ConsumerError>;

    /// Stops reading these until resumed; the group membership stays alive by polling.
    fn pause(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError>;

    /// Reads these again.
    fn resume(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError>;

    /// How long a member may stay away from `poll` before its lanes are given to another: the lease.
    fn session_timeout(&self) -> Duration;

    /// A handle by which another thread wakes a waiting `poll`.
    fn waker(&self) -> Waker;
}

/// Wakes a waiting poll.
#[derive(Clone)]
pub struct Waker(std::sync::Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// A waker that calls this.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(std::sync::Arc::new(wake))
    }

    /// Wakes the poll, or lets the next one return at once.
    pub fn wake(&self) {
        (self.0)();
    }
}
