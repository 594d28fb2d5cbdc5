//! The writer thread: the only one that changes the log. It takes what waits up to a bound, writes it in one
//! durable transaction, publishes it and answers.
//!
//! **Invariant:** an answer comes after the sync that covers it. **Failure:** a batch whose commit fails is
//! answered `Unavailable` (all or nothing of it may be kept), the store is opened again and the shared state set
//! to what it says; until that works appends are refused at once and readers go on.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use hindsight_schemas::ids::LogId;
use redb::Database;

use super::batch::Batch;
use super::error::StoreError;
use super::meters;
use super::options::Options;
use super::queue::{Append, Request};
use super::record::{encode_into, encoded_len};
use super::retention::{self, Removed};
use super::state::Shared;
use super::store::Store;
use super::tables::{COMMITS, Loaded, RECORDS, code, put_ends};
use crate::log::{AppendError, ConsumerError};

/// The writer.
pub(super) struct Writer {
    pub(super) log_id: LogId,
    pub(super) options: Options,
    pub(super) store: Arc<Store>,
    pub(super) shared: Arc<Shared>,
    pub(super) requests: Receiver<Request>,
    /// Retention is due at this time of the monotonic clock.
    pub(super) retention_due: Duration,
}

impl Writer {
    /// Works until it is told to close.
    pub(super) fn run(mut self) {
        let mut open = true;
        while open {
            match self.requests.recv_timeout(self.patience()) {
                Ok(first) => open = self.round(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
            self.retain_when_due();
        }
        self.shared.change(|state| state.closed = true);
        if let Err(error) = self.store.close() {
            tracing::warn!(%error, "log was not closed cleanly and will be repaired when it opens");
        }
    }

    /// One group commit: this request and what waits behind it. Says whether to go on.
    fn round(&mut self, first: Request) -> bool {
        self.try_to_recover();
        let mut batch = self.new_batch();
        let mut barriers = Vec::new();
        let (mut bytes, mut requests) = (0, 0);
        let mut next = Some(first);
        let mut open = true;
        while let Some(request) = next.take() {
            bytes += request.bytes();
            requests += 1;
            match request {
                Request::Append(append) => self.take_append(&mut batch, append),
                Request::Commit(commit) => batch.commit(commit, &self.shared.lock()),
                Request::Skip(partition, offsets, reply) => {
                    batch.skip(partition, offsets, reply, &self.shared.lock());
                }
                Request::Barrier(reply) => barriers.push(reply),
                Request::Retain(reply) => {
                    self.write(std::mem::replace(&mut batch, self.new_batch()));
                    let _ = reply.send(self.retain_all().map_err(ConsumerError::from));
                    batch = self.new_batch();
                }
                Request::Reopen(failed, reply) => {
                    self.write(std::mem::replace(&mut batch, self.new_batch()));
                    let _ = self.reopen(&failed);
                    let _ = reply.send(());
                    batch = self.new_batch();
                }
                Request::Close => open = false,
            }
            if open && bytes < self.options.batch_bytes && requests < self.options.batch_requests {
                next = self.requests.try_recv().ok();
            }
        }
        self.write(batch);
        for reply in barriers {
            let _ = reply.send(());
        }
        open
    }

    fn new_batch(&self) -> Batch {
        Batch::new(
            self.log_id,
            self.options.clock.unix_ms(),
            self.shared.lock().bytes(),
        )
    }

    /// Puts an append into the batch; where the log is full, removes what may go and tries once more.
    fn take_append(&mut self, batch: &mut Batch, append: Append) {
        if batch.is_empty() {
            // A round is as long as requests keep coming: each append has a look of its own.
            self.try_to_recover();
            *batch = self.new_batch();
        }
        if let Err(reason) = self.room_on_disk(batch) {
            let _ = append.reply.send(Err(AppendError::Full(reason)));
            return;
        }
        let refused = batch.append(append, &self.shared.lock(), &self.options);
        let Err((append, bound)) = refused else { return };
        self.write(std::mem::replace(batch, self.new_batch()));
        if let Err(error) = self.retain() {
            tracing::warn!(%error, "retention failed");
        }
        *batch = self.new_batch();
        let refused = batch.append(append, &self.shared.lock(), &self.options);
        if let Err((append, _)) = refused {
            let reason = format!("{bound} bytes (log.max_bytes) are in use and no group has passed more");
            let _ = append.reply.send(Err(AppendError::Full(reason)));
        }
    }

    fn room_on_disk(&self, batch: &Batch) -> Result<(), String> {
        if let Some(refusal) = self.store.refusal() {
            return Err(refusal);
        }
        let free = self
            .store
            .disk()
            .free_bytes()
            .map_err(|error| error.to_string())?;
        let needed = self.options.min_free_bytes.saturating_add(2 * batch.row_bytes);
        if free < needed {
            return Err(format!(
                "the disk has {free} bytes free, {needed} are needed (log.min_free_bytes)"
            ));
        }
        Ok(())
    }

    fn write(&self, batch: Batch) {
        if batch.is_empty() {
            batch.answer(Ok(()));
            return;
        }
        let database = self.store.writable();
        match database
            .clone()
            .and_then(|database| self.commit(&database, &batch))
        {
            Ok(()) => {
                self.shared.change(|state| batch.publish(state));
                meters::committed(&batch);
                meters::holds(self.shared.lock().bytes());
                batch.answer(Ok(()));
            }
            Err(error) => {
                tracing::error!(%error, "log could not commit");
                meters::failed();
                let _ = database.and_then(|failed| self.reopen(&failed));
                let unavailable = AppendError::from(error.clone());
                batch.answer(Err((unavailable, ConsumerError::Retriable(error.to_string()))));
            }
        }
    }

    fn commit(&self, database: &Database, batch: &Batch) -> Result<(), StoreError> {
        let transaction = self.store.begin_write(database)?;
        {
            let mut rows = transaction.open_table(RECORDS)?;
            for placed in &batch.records {
                let key = (code(placed.partition), placed.offset);
                let mut row = rows.insert_reserve(key, encoded_len(&placed.record))?;
                encode_into(&placed.record, placed.appended_at_ms, row.as_mut());
            }
            let mut rows = transaction.open_table(COMMITS)?;
            for (group, commits) in &batch.commits {
                for commit in commits {
                    let value = (commit.committed.offset, commit.committed.metadata.as_str());
                    rows.insert((group.as_str(), code(commit.partition)), value)?;
                }
            }
        }
        for (partition, ends) in &batch.ends {
            put_ends(&transaction, *partition, *ends)?;
        }
        let started = Instant::now();
        transaction.commit()?;
        meters::synced(started.elapsed());
        Ok(())
    }

    /// While the disk refuses writes, asks it again. Only between two batches: what the store says then is
    /// where the next one starts.
    fn try_to_recover(&self) {
        if self.store.refusal().is_some()
            && let Ok(read_only) = self.store.readable()
        {
            let _ = self.reopen(&read_only);
        }
    }

    /// Opens the store again, and believes what it says then.
    fn reopen(&self, failed: &Arc<Database>) -> Result<(), StoreError> {
        if let Some(Loaded { ends, commits, .. }) = self.store.reopen(failed)? {
            self.shared
                .change(|state| (state.ends, state.commits) = (ends, commits));
        }
        Ok(())
    }

    fn retain_when_due(&mut self) {
        let now = self.options.clock.monotonic();
        if now < self.retention_due {
            return;
        }
        let more = match self.retain() {
            Ok(removed) => removed.more,
            Err(error) => {
                tracing::warn!(%error, "retention failed");
                false
            }
        };
        self.retention_due = if more {
            now
        } else {
            now + self.options.retention_interval
        };
    }

    /// How long to wait for requests before retention is looked at.
    fn patience(&self) -> Duration {
        let due = self.retention_due.saturating_sub(self.options.clock.monotonic());
        due.min(self.options.retention_interval)
    }

    fn retain(&self) -> Result<Removed, StoreError> {
        let database = self.store.writable()?;
        let removed = retention::apply(&self.store, &database, &self.shared, &self.options);
        if let Err(StoreError::Disk(_)) = removed {
            let _ = self.reopen(&database);
        }
        removed
    }

    fn retain_all(&self) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let removed = self.retain()?;
            total += removed.records;
            if !removed.more {
                return Ok(total);
            }
        }
    }
}
