//! What the log and its consumers hold together: the store, the shared state, the way to the writer.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, sync_channel};

use hindsight_schemas::ids::{LogId, Offset, Partition, Position};
use redb::{Database, ReadableDatabase};
use tokio::sync::Semaphore;

use super::error::StoreError;
use super::options::Options;
use super::queue::Request;
use super::record::decode;
use super::state::Shared;
use super::store::Store;
use super::tables::{PARTITIONS, RECORDS, code};
use crate::log::{ConsumerError, StoredRecord};

/// The log without its thread.
pub(super) struct Inner {
    pub(super) id: LogId,
    pub(super) options: Options,
    pub(super) store: Arc<Store>,
    pub(super) shared: Arc<Shared>,
    pub(super) requests: Sender<Request>,
    /// In KiB: `queue_bytes`.
    pub(super) room: Arc<Semaphore>,
}

/// What a poll may still bring.
pub(super) struct Budget {
    items: usize,
    bytes: usize,
    untouched: bool,
}

impl Budget {
    pub(super) fn new(items: usize, bytes: usize) -> Self {
        Self {
            items,
            bytes,
            untouched: true,
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.items == 0 || self.bytes == 0
    }

    /// The first record always fits, else one that is longer than the budget would block its partition.
    fn allows(&self, bytes: usize) -> bool {
        self.untouched || (self.items > 0 && bytes <= self.bytes)
    }

    fn spend(&mut self, bytes: usize) {
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.untouched = false;
    }
}

/// What a scan found.
pub(super) struct Scan {
    /// First offset kept when the scan began.
    pub(super) first: Offset,
    pub(super) records: Vec<StoredRecord>,
    /// The range was read to its end.
    pub(super) complete: bool,
}

impl Inner {
    /// Sends a request to the writer and waits for its answer; `None` if the log is closed.
    pub(super) fn ask<T>(&self, request: impl FnOnce(SyncSender<T>) -> Request) -> Option<T> {
        let (reply, answer) = sync_channel(1);
        self.requests.send(request(reply)).ok()?;
        answer.recv().ok()
    }

    /// First offset kept and the offset after the last durable record.
    pub(super) fn offsets(&self, partition: Partition) -> Result<(Offset, Offset), ConsumerError> {
        let state = self.shared.lock();
        let ends = state.ends.get(&partition);
        let ends = ends.ok_or_else(|| ConsumerError::Engine(format!("there is no partition {partition}")))?;
        Ok((ends.first, ends.next))
    }

    /// Reads records from `from` up to `end` as far as the budget allows. A store that has stopped is opened
    /// again and asked once more.
    pub(super) fn scan(
        &self,
        partition: Partition,
        range: Range<Offset>,
        budget: &mut Budget,
    ) -> Result<Scan, ConsumerError> {
        let database = self.store.readable()?;
        match self.scan_once(&database, partition, range.clone(), budget) {
            Err(StoreError::Disk(_)) => {
                self.ask(|reply| Request::Reopen(database, reply));
                let database = self.store.readable()?;
                Ok(self.scan_once(&database, partition, range, budget)?)
            }
            scanned => Ok(scanned?),
        }
    }

    fn scan_once(
        &self,
        database: &Database,
        partition: Partition,
        range: Range<Offset>,
        budget: &mut Budget,
    ) -> Result<Scan, StoreError> {
        let code = code(partition);
        let snapshot = database.begin_read()?;
        // From the same snapshot as the rows: retention may have gone on since the caller looked.
        let first = snapshot
            .open_table(PARTITIONS)?
            .get(code)?
            .map_or(0, |row| row.value().0);
        let mut scan = Scan {
            first,
            records: Vec::new(),
            complete: false,
        };
        for row in snapshot
            .open_table(RECORDS)?
            .range((code, range.start)..(code, range.end))?
        {
            let (key, row) = row?;
            let row = row.value();
            if !budget.allows(row.len()) {
                return Ok(scan);
            }
            let position = Position {
                log_id: self.id,
                partition,
                offset: key.value().1,
            };
            match stored(position, row) {
                Ok(record) => scan.records.push(record),
                // What lies before the damage is delivered first.
                Err(_) if !scan.records.is_empty() => return Ok(scan),
                Err(damage) => return Err(damage),
            }
            budget.spend(row.len());
        }
        scan.complete = true;
        Ok(scan)
    }
}

fn stored(position: Position, row: &[u8]) -> Result<StoredRecord, StoreError> {
    let decoded = decode(row).map_err(|reason| {
        StoreError::Damaged(format!(
            "record {} of {} is damaged: {reason}",
            position.offset, position.partition
        ))
    })?;
    Ok(StoredRecord {
        position,
        appended_at_ms: decoded.appended_at_ms,
        key: decoded.key,
        value: decoded.value,
        headers: decoded.headers,
    })
}
