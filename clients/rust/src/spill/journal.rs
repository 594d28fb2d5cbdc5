//! Strict operations before they run and when they ended: each line is on disk before the business code goes on, so an
//! operation leaves a trace whatever happens in its middle.
//!
//! A line is `A|C <id> <event>`: begun (with the event to send if nothing more is heard of it: outcome unknown) and
//! completed. After a crash [`recover`] gives the completed events, and the begun ones without an end. A file goes when
//! each operation in it is kept elsewhere. Operations share a sync: whoever comes while one is under way goes with the
//! next. A torn last line is of an operation that was never allowed to run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::{DiskBytes, durable};

const NAME: &str = "strict-";
/// A file isn't continued beyond this, so that what is done can be removed.
const FILE_BYTES: u64 = 4 << 20;

/// One operation's place: the files that must stay until [`Self::done`]. Dropped without it (the courier panicked, the
/// client is closed) they stay for good, and the next start finds the event in them.
#[derive(Debug)]
pub(crate) struct Entry {
    files: Vec<Arc<JournalFile>>,
}

impl Entry {
    /// The operation's event is kept elsewhere.
    pub(crate) fn done(mut self) {
        self.files.clear();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        for file in &self.files {
            file.stays.store(true, Ordering::Relaxed);
        }
    }
}

/// A file, removed when nobody needs it any more.
#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    file: File,
    bytes: AtomicU64,
    disk: Arc<DiskBytes>,
    stays: AtomicBool,
}

impl JournalFile {
    fn create(path: PathBuf, disk: Arc<DiskBytes>) -> io::Result<Self> {
        let file = File::create_new(&path)?;
        durable::sync_folder(&path)?;
        Ok(Self {
            path,
            file,
            bytes: AtomicU64::new(0),
            disk,
            stays: AtomicBool::new(false),
        })
    }

    /// Adds lines. A write that fails is cut off again: what was refused never began.
    fn append(&self, lines: &[u8]) -> io::Result<()> {
        let written = (&self.file).write_all(lines).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // If even that fails, the operation turns up as begun with an unknown outcome: said too much, not too little.
            let _ = self.file.set_len(self.bytes.load(Ordering::Relaxed));
            return written;
        }
        self.bytes.fetch_add(lines.len() as u64, Ordering::Relaxed);
        self.disk.used.fetch_add(lines.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for JournalFile {
    fn drop(&mut self) {
        if self.stays.load(Ordering::Relaxed) {
            return;
        }
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.disk.used.fetch_sub(bytes, Ordering::Relaxed);
        // Left behind it is read again at the next start: sent once more, which the events' ids absorb.
        let _ = fs::remove_file(&self.path);
    }
}

/// The file in which lines stand, or why they don't.
type Written = Result<Arc<JournalFile>, ErrorKind>;

/// Lines that share a sync, and what came of it.
#[derive(Debug, Default)]
struct Group {
    lines: Vec<u8>,
    outcome: Arc<Mutex<Option<Written>>>,
}

#[derive(Debug, Default)]
struct State {
    open: Group,
    is_busy: bool,
    file: Option<Arc<JournalFile>>,
    files: u64,
}

/// The journal of one process.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    disk: Arc<DiskBytes>,
    state: Mutex<State>,
    synced: Condvar,
    run: String,
}

impl Journal {
    pub(super) fn new(folder: PathBuf, disk: Arc<DiskBytes>) -> Self {
        Self {
            folder,
            disk,
            state: Mutex::default(),
            synced: Condvar::new(),
            run: uuid::Uuid::now_v7().simple().to_string(),
        }
    }

    /// Keeps that an operation begins; it may run when this returns. Blocks for a sync.
    pub(crate) fn begin(&self, id: &str, event_if_unfinished: &[u8]) -> io::Result<Entry> {
        if self.disk.would_pass(event_if_unfinished.len()) {
            let bound = format!("the spill folder is at its bound of {} bytes", self.disk.most);
            return Err(io::Error::new(ErrorKind::QuotaExceeded, bound));
        }
        let file = self.append(b'A', id, event_if_unfinished)?;
        Ok(Entry { files: vec![file] })
    }

    /// Keeps how it ended, even above the bound: what has begun has a right to its end. Blocks for a sync.
    pub(crate) fn complete(&self, entry: &mut Entry, id: &str, event: &[u8]) -> io::Result<()> {
        entry.files.push(self.append(b'C', id, event)?);
        Ok(())
    }

    /// Lets go of the file, which goes with its last operation.
    pub(crate) fn close(&self) {
        self.lock().file = None;
    }

    fn append(&self, kind: u8, id: &str, event: &[u8]) -> io::Result<Arc<JournalFile>> {
        let mut state = self.lock();
        let lines = &mut state.open.lines;
        lines.extend_from_slice(&[kind, b' ']);
        lines.extend_from_slice(id.as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(event);
        lines.push(b'\n');
        let outcome = state.open.outcome.clone();
        loop {
            if let Some(outcome) = outcome
                .lock()
                .unwrap_or_else(|broken| broken.into_inner())
                .clone()
            {
                return outcome.map_err(|kind| io::Error::new(kind, "the journal can't be written"));
            }
            state = if state.is_busy {
                self.synced
                    .wait(state)
                    .unwrap_or_else(|broken| broken.into_inner())
            } else {
                self.lead(state)
            };
        }
    }

    /// Writes for all that wait; the lock is free meanwhile.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let group = std::mem::take(&mut state.open);
        state.is_busy = true;
        let file = self.writable(&mut state);
        drop(state);
        let outcome = file.and_then(|file| file.append(&group.lines).map(|()| file));
        let mut state = self.lock();
        if outcome.is_err() {
            // Nothing is known of the file's end now: the next operation gets a new one.
            state.file = None;
        }
        state.is_busy = false;
        let outcome = outcome.map_err(|error| error.kind());
        *group.outcome.lock().unwrap_or_else(|broken| broken.into_inner()) = Some(outcome);
        self.synced.notify_all();
        state
    }

    fn writable(&self, state: &mut State) -> io::Result<Arc<JournalFile>> {
        match &state.file {
            Some(file) if file.bytes.load(Ordering::Relaxed) <= FILE_BYTES => Ok(file.clone()),
            _ => {
                let name = format!("{NAME}{}-{:04}.journal", self.run, state.files);
                state.files += 1;
                let file = Arc::new(JournalFile::create(self.folder.join(name), self.disk.clone())?);
                state.file = Some(file.clone());
                Ok(file)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

pub(super) fn is_journal(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(NAME))
}

/// The events of operations whose process ended: as completed, else as begun.
pub(super) fn recover(journals: &[PathBuf]) -> io::Result<Vec<Vec<u8>>> {
    let (mut completed, mut begun) = (BTreeMap::new(), BTreeMap::new());
    for journal in journals {
        let content = fs::read(journal)?;
        // What stands behind the last line feed is torn.
        let whole = content
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        for line in content[..whole].split(|byte| *byte == b'\n') {
            let mut parts = line.splitn(3, |byte| *byte == b' ');
            if let (Some(kind), Some(id), Some(event)) = (parts.next(), parts.next(), parts.next())
                && event.starts_with(b"{")
                && event.ends_with(b"}")
            {
                let known = if kind == b"C" { &mut completed } else { &mut begun };
                known.insert(id.to_vec(), event.to_vec());
            }
        }
    }
    begun.retain(|id, _| !completed.contains_key(id));
    Ok(completed.into_values().chain(begun.into_values()).collect())
}
