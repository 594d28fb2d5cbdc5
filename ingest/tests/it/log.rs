//! An event log in memory that can be told to fail: the double behind the edge in these tests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use hindsight_engines::log::{
    AppendError, Committed, Consumer, ConsumerError, EventLog, NewRecord, ReadBounds, Reader, StoredRecord,
};
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};
use hindsight_schemas::record::{AuditRecord, Record, RecordingBatch};
use tokio::sync::Semaphore;

/// What the log does with the next appends.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Keeps,
    Full,
    Unavailable,
    Hangs,
    /// Answers once [`MemoryLog::release`] was called.
    Waits,
}

pub(crate) struct MemoryLog {
    mood: Mutex<Mood>,
    kept: Mutex<Vec<NewRecord>>,
    offset: AtomicU64,
    gate: Semaphore,
    waiting: Semaphore,
}

impl MemoryLog {
    pub(crate) fn new() -> Self {
        Self {
            mood: Mutex::default(),
            kept: Mutex::default(),
            offset: AtomicU64::new(0),
            gate: Semaphore::new(0),
            waiting: Semaphore::new(0),
        }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn kept(&self) -> Vec<NewRecord> {
        self.kept.lock().unwrap().clone()
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.kept()
            .iter()
            .map(|record| Record::decode(record.value.as_ref().unwrap()).unwrap())
            .collect()
    }

    pub(crate) fn batches(&self) -> Vec<RecordingBatch> {
        self.records()
            .into_iter()
            .filter_map(|it| {
                if let Record::Recording(it) = it {
                    Some(it)
                } else {
                    None
                }
            })
            .collect()
    }

    pub(crate) fn audit(&self) -> Vec<AuditRecord> {
        self.records()
            .into_iter()
            .filter_map(|it| {
                if let Record::Audit(it) = it {
                    Some(it)
                } else {
                    None
                }
            })
            .collect()
    }

    /// Returns when an append waits.
    pub(crate) async fn someone_waits(&self) {
        self.waiting.acquire().await.unwrap().forget();
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(1);
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn id(&self, _: Topic) -> LogId {
        LogId(uuid::Uuid::nil())
    }

    fn partitions(&self, _: Topic) -> u32 {
        1
    }

    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Keeps => {}
            Mood::Full => return Err(AppendError::Full("disk bound".into())),
            Mood::Unavailable => return Err(AppendError::Unavailable("no broker".into())),
            Mood::Hangs => std::future::pending().await,
            Mood::Waits => {
                self.waiting.add_permits(1);
                self.gate.acquire().await.unwrap().forget();
            }
        }
        let positions = records
            .iter()
            .map(|record| Position {
                log_id: self.id(record.topic),
                partition: Partition {
                    topic: record.topic,
                    partition: 0,
                },
                offset: self.offset.fetch_add(1, Ordering::SeqCst),
            })
            .collect();
        self.kept.lock().unwrap().extend(records);
        Ok(positions)
    }

    fn consumer(&self, _: &str, _: &[Topic]) -> Result<Box<dyn Consumer>, ConsumerError> {
        Err(ConsumerError::Engine("the edge reads nothing".into()))
    }

    async fn offsets(&self, _: Partition) -> Result<(Offset, Offset), ConsumerError> {
        Err(ConsumerError::Engine("the edge reads nothing".into()))
    }

    async fn committed(&self, _: &str, _: Partition) -> Result<Option<Committed>, ConsumerError> {
        Err(ConsumerError::Engine("the edge reads nothing".into()))
    }

    async fn members(&self, _: &str) -> Result<usize, ConsumerError> {
        Err(ConsumerError::Engine("the edge reads nothing".into()))
    }

    fn reader(&self, _: Partition, _: Offset) -> Box<dyn Reader> {
        Box::new(Nothing)
    }
}

struct Nothing;

#[async_trait]
impl Reader for Nothing {
    async fn page(&mut self, _: ReadBounds) -> Result<Vec<StoredRecord>, ConsumerError> {
        Err(ConsumerError::Engine("the edge reads nothing".into()))
    }
}
