//! Batches on disk while the edge is away: a file a batch, written whole, synced, then given its name; never changed;
//! removed when the edge holds its events. A crash at any moment leaves whole files, at worst one that is sent twice,
//! which the events' ids absorb.
//!
//! Bounded in bytes, journal of strict operations included; a batch that doesn't fit is refused. Used by the courier alone.

pub(crate) mod durable;
pub(crate) mod journal;
mod slot;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use self::journal::{Journal, recover};
use self::slot::SpillSlot;

const BATCH: &str = "jsonl";
const REFUSED: &str = "refused.jsonl";
/// Most bytes kept of events that the edge refused: for people to look at.
const MOST_REFUSED_BYTES: u64 = 16 << 20;

/// A batch on disk.
#[derive(Debug)]
pub(crate) struct SpilledBatch {
    path: PathBuf,
    bytes: u64,
}

/// Bytes on disk, shared with the journal.
#[derive(Debug)]
pub(crate) struct DiskBytes {
    pub(crate) used: AtomicU64,
    pub(crate) most: u64,
}

impl DiskBytes {
    fn would_pass(&self, more: usize) -> bool {
        self.used.load(Ordering::Relaxed) + more as u64 > self.most
    }
}

/// One process' part of the spill folder.
#[derive(Debug)]
pub(crate) struct SpillStore {
    slot: SpillSlot,
    disk: Arc<DiskBytes>,
    batches: VecDeque<SpilledBatch>,
    run: String,
    written: u64,
}

impl SpillStore {
    /// Takes a place in the folder, and over what was left in it.
    pub(crate) fn open(folder: &Path, most_bytes: u64) -> io::Result<Self> {
        let slot = SpillSlot::take(folder)?;
        let mut store = Self {
            disk: Arc::new(DiskBytes {
                used: AtomicU64::new(0),
                most: most_bytes,
            }),
            batches: VecDeque::new(),
            run: uuid::Uuid::new_v4().simple().to_string()[..6].to_owned(),
            written: 0,
            slot,
        };
        store.take_over(&store.slot.folder.clone())?;
        for left in SpillSlot::take_leftovers(folder, &store.slot)? {
            store.take_over(&left.folder)?;
        }
        Ok(store)
    }

    /// The journal of strict operations, in the same place and under the same bound.
    pub(crate) fn journal(&self) -> Journal {
        Journal::new(self.slot.folder.clone(), self.disk.clone())
    }

    /// Bytes on disk that the edge doesn't hold yet.
    pub(crate) fn disk(&self) -> Arc<DiskBytes> {
        self.disk.clone()
    }

    fn take_over(&mut self, folder: &Path) -> io::Result<()> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder)?
            .map(|file| file.map(|file| file.path()))
            .collect::<io::Result<_>>()?;
        files.sort();
        for file in &files {
            let name = file.file_name().unwrap_or_default();
            if durable::is_half(file) {
                fs::remove_file(file)?;
            } else if file.extension().is_some_and(|end| end == BATCH) && name != REFUSED {
                let own = self.slot.folder.join(name);
                if own != *file {
                    fs::rename(file, &own)?;
                }
                let bytes = fs::metadata(&own)?.len();
                self.add(own, bytes);
            }
        }
        files.retain(|file| journal::is_journal(file));
        let unfinished = recover(&files)?;
        if !unfinished.is_empty() {
            self.create(unfinished.iter().map(Vec::as_slice))?;
        }
        files.iter().try_for_each(fs::remove_file)
    }

    fn add(&mut self, path: PathBuf, bytes: u64) {
        self.disk.used.fetch_add(bytes, Ordering::Relaxed);
        self.batches.push_back(SpilledBatch { path, bytes });
    }

    /// Keeps a batch; false where it would pass the bound.
    pub(crate) fn keep<'a>(&mut self, lines: impl Iterator<Item = &'a [u8]> + Clone) -> io::Result<bool> {
        let bytes: usize = lines.clone().map(|line| line.len() + 1).sum();
        if self.disk.would_pass(bytes) {
            return Ok(false);
        }
        self.create(lines)?;
        Ok(true)
    }

    fn create<'a>(&mut self, lines: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let name = format!("{now_ms:013}-{}-{:08}.{BATCH}", self.run, self.written);
        self.written += 1;
        let path = self.slot.folder.join(name);
        let content: Vec<u8> = lines.flat_map(|line| line.iter().chain(b"\n")).copied().collect();
        durable::create(&path, &content)?;
        self.add(path, content.len() as u64);
        Ok(())
    }

    /// Takes the oldest batch. It stays on disk until [`Self::remove`].
    pub(crate) fn next(&mut self) -> Option<SpilledBatch> {
        self.batches.pop_front()
    }

    /// Puts a batch back in front.
    pub(crate) fn again(&mut self, batch: SpilledBatch) {
        self.batches.push_front(batch);
    }

    /// The events of a batch; none where somebody removed its file.
    pub(crate) fn read(&self, batch: &SpilledBatch) -> io::Result<Vec<Vec<u8>>> {
        match fs::read(&batch.path) {
            Ok(content) => Ok(content
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(<[u8]>::to_vec)
                .collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// Forgets a batch that the edge holds.
    pub(crate) fn remove(&mut self, batch: &SpilledBatch) -> io::Result<()> {
        self.disk.used.fetch_sub(batch.bytes, Ordering::Relaxed);
        match fs::remove_file(&batch.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps an event that the edge refused, with the reason, for people; false where there is no more room.
    pub(crate) fn set_aside(&self, event: &[u8], why: &str) -> io::Result<bool> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.slot.folder.join(REFUSED))?;
        if file.metadata()?.len() + event.len() as u64 > MOST_REFUSED_BYTES {
            return Ok(false);
        }
        let mut line = format!("{{\"refused\":{},\"event\":", serde_json::Value::from(why)).into_bytes();
        line.extend_from_slice(event);
        line.extend_from_slice(b"}\n");
        file.write_all(&line)?;
        file.sync_all()?;
        Ok(true)
    }

    /// Whether no batch waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

#[cfg(test)]
mod tests;
