//! The tables of the store, and what is read of them when it opens.
//!
//! **Invariant:** `partitions` keeps the next offset of each partition whatever retention removes, so no offset
//! is used twice. Everything of one group commit is in one transaction.

use std::collections::BTreeMap;

use hindsight_schemas::ids::{LogId, Offset, Partition, Topic};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};
use uuid::Uuid;

use super::error::StoreError;
use super::options::Options;
use crate::log::Committed;

/// (partition code, offset) to row; see `record`.
pub(super) const RECORDS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("records");
/// Partition code to (first offset kept, next offset, time of the last append, records, bytes).
pub(super) const PARTITIONS: TableDefinition<'_, u32, (u64, u64, i64, u64, u64)> =
    TableDefinition::new("partitions");
/// (group, partition code) to (offset, metadata).
pub(super) const COMMITS: TableDefinition<'_, (&str, u32), (u64, &str)> = TableDefinition::new("commits");
/// `format`, `log_id` and `partitions`.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

const FORMAT: u32 = 1;
const TOPICS: [Topic; 3] = [Topic::Recordings, Topic::Audit, Topic::DeadLetters];

/// What one partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// First offset kept.
    pub first: Offset,
    /// The offset after the last durable record.
    pub next: Offset,
    /// When the last record was appended, Unix milliseconds.
    pub last_append_ms: i64,
    /// Records kept.
    pub records: u64,
    /// Their bytes on the disk.
    pub bytes: u64,
}

/// What groups committed.
pub(super) type Commits = BTreeMap<String, BTreeMap<Partition, Committed>>;

/// What a store says of itself when it opens.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) log_id: LogId,
    pub(super) partitions: u32,
    pub(super) ends: BTreeMap<Partition, Ends>,
    pub(super) commits: Commits,
}

/// The number by which a partition is known in the store; part of the format.
pub(super) fn code(partition: Partition) -> u32 {
    let topic = match partition.topic {
        Topic::Recordings => 0,
        Topic::Audit => 1,
        Topic::DeadLetters => 2,
    };
    topic << 16 | partition.partition
}

fn partition_of(code: u32) -> Option<Partition> {
    TOPICS
        .into_iter()
        .map(|topic| Partition {
            topic,
            partition: code & 0xffff,
        })
        .find(|partition| self::code(*partition) == code)
}

/// Every partition of the log.
pub(super) fn all_partitions(options: &Options) -> impl Iterator<Item = Partition> + '_ {
    TOPICS.into_iter().flat_map(|topic| {
        (0..options.partitions_of(topic)).map(move |partition| Partition { topic, partition })
    })
}

/// Writes a partition's ends.
pub(super) fn put_ends(
    transaction: &WriteTransaction,
    partition: Partition,
    ends: Ends,
) -> Result<(), StoreError> {
    let row = (
        ends.first,
        ends.next,
        ends.last_append_ms,
        ends.records,
        ends.bytes,
    );
    transaction.open_table(PARTITIONS)?.insert(code(partition), row)?;
    Ok(())
}

/// Makes the tables of a new store, under a new random id.
pub(super) fn create(database: &Database, options: &Options) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        if meta.get("log_id")?.is_none() {
            meta.insert("format", FORMAT.to_le_bytes().as_slice())?;
            meta.insert("log_id", Uuid::new_v4().as_bytes().as_slice())?;
            meta.insert("partitions", options.partitions.to_le_bytes().as_slice())?;
        }
        transaction.open_table(RECORDS)?;
        transaction.open_table(PARTITIONS)?;
        transaction.open_table(COMMITS)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Reads everything but the records; `None` if the store is new.
pub(super) fn load(database: &Database, options: &Options) -> Result<Option<Loaded>, StoreError> {
    let transaction = database.begin_read()?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let format = u32::from_le_bytes(meta_value(&meta, "format")?);
    if format != FORMAT {
        return Err(StoreError::Damaged(format!(
            "its format is {format}, this version reads {FORMAT}"
        )));
    }
    let mut ends: BTreeMap<_, _> = all_partitions(options)
        .map(|partition| (partition, Ends::default()))
        .collect();
    for row in transaction.open_table(PARTITIONS)?.iter()? {
        let (key, value) = row?;
        let (first, next, last_append_ms, records, bytes) = value.value();
        ends.insert(
            known(key.value())?,
            Ends {
                first,
                next,
                last_append_ms,
                records,
                bytes,
            },
        );
    }
    let mut commits = Commits::new();
    for row in transaction.open_table(COMMITS)?.iter()? {
        let (key, value) = row?;
        let ((group, code), (offset, metadata)) = (key.value(), value.value());
        let committed = Committed {
            offset,
            metadata: metadata.to_owned(),
        };
        commits
            .entry(group.to_owned())
            .or_default()
            .insert(known(code)?, committed);
    }
    Ok(Some(Loaded {
        log_id: LogId(Uuid::from_bytes(meta_value(&meta, "log_id")?)),
        partitions: u32::from_le_bytes(meta_value(&meta, "partitions")?),
        ends,
        commits,
    }))
}

fn known(code: u32) -> Result<Partition, StoreError> {
    partition_of(code).ok_or_else(|| StoreError::Damaged(format!("partition code {code} is unknown")))
}

fn meta_value<const N: usize>(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<[u8; N], StoreError> {
    let value = meta.get(name)?.and_then(|value| value.value().try_into().ok());
    value.ok_or_else(|| StoreError::Damaged(format!("entry {name:?} is missing")))
}
