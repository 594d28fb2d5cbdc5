//! The file below the store: positioned reads and writes, one lock for the life of the log, faults for tests.
//!
//! **Invariants:** the folder's lock is held from open to close, over every reopening of the store. A
//! [`Handle`] that was retired answers only errors, so no reader of an old handle meets pages of a new one.
//! After a failed write or sync, [`Disk::rewrite_unsynced`] writes again what the kernel may have dropped: after
//! a failed fsync it counts those pages as clean though they never reached the disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use redb::StorageBackend;

use super::error::OpenError;
use super::faults::DiskFaults;
use super::overlay::Overlay;

/// Ranges remembered between two syncs; more are merged into one that spans them.
const UNSYNCED_RANGES: usize = 4096;

/// The log's file, locked.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    file: File,
    unsynced: Mutex<Vec<Range<u64>>>,
    faults: Option<Arc<dyn DiskFaults>>,
}

impl Disk {
    /// Opens or makes the file and takes its lock, which a second process is refused.
    pub(super) fn open(path: &Path, faults: Option<Arc<dyn DiskFaults>>) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        file.try_lock().map_err(|refused| match refused {
            TryLockError::WouldBlock => OpenError::InUse(path.to_owned()),
            TryLockError::Error(source) => io(source),
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            unsynced: Mutex::default(),
            faults,
        })
    }

    /// Gives up the lock. A failure is the same as waiting for the file to be dropped.
    pub(super) fn unlock(&self) {
        let _ = self.file.unlock();
    }

    /// Length of the file.
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Free bytes of the file system.
    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        if let Some(bytes) = self.faults.as_ref().and_then(|faults| faults.free_bytes()) {
            return Ok(bytes);
        }
        let stat = rustix::fs::fstatvfs(&self.file)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Writes again what was written since the last sync that succeeded, and syncs.
    pub(super) fn rewrite_unsynced(&self) -> io::Result<()> {
        let ranges = lock(&self.unsynced).clone();
        let len = self.len()?;
        let mut buffer = vec![0; 1024 * 1024];
        for range in ranges {
            let (mut at, end) = (range.start, range.end.min(len));
            while at < end {
                let chunk = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
                self.file.read_exact_at(&mut buffer[..chunk], at)?;
                self.write(at, &buffer[..chunk])?;
                at += chunk as u64;
            }
        }
        self.sync()
    }

    fn ask(&self, fault: impl Fn(&dyn DiskFaults) -> io::Result<()>) -> io::Result<()> {
        self.faults.as_deref().map_or(Ok(()), fault)
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.ask(|faults| faults.before_read())?;
        self.file.read_exact_at(out, offset)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.remember(offset..offset + data.len() as u64);
        self.ask(|faults| faults.before_write(offset, data))?;
        self.file.write_all_at(data, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.ask(|faults| faults.before_set_len(len))?;
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.ask(|faults| faults.before_sync())?;
        self.file.sync_data()?;
        lock(&self.unsynced).clear();
        self.ask(|faults| {
            faults.after_sync();
            Ok(())
        })
    }

    fn remember(&self, range: Range<u64>) {
        let mut ranges = lock(&self.unsynced);
        match ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            Some(last) if last.start <= range.start && range.end <= last.end => {}
            _ => ranges.push(range),
        }
        if ranges.len() > UNSYNCED_RANGES {
            let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
            let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
            ranges.clear();
            ranges.push(start..end);
        }
    }

    /// The file's path, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// No critical section here can leave its data half changed, so a poisoned lock is as good as another.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One opening of the store over the disk.
#[derive(Debug, Clone)]
pub(super) struct Handle(Arc<HandleState>);

#[derive(Debug)]
struct HandleState {
    disk: Arc<Disk>,
    retired: RwLock<bool>,
    overlay: Option<Mutex<Overlay>>,
}

impl Handle {
    /// Reads and writes the disk.
    pub(super) fn read_write(disk: Arc<Disk>) -> Self {
        Self(Arc::new(HandleState {
            disk,
            retired: RwLock::new(false),
            overlay: None,
        }))
    }

    /// Reads the disk and keeps writes in memory, for a disk that refuses them.
    pub(super) fn read_only(disk: Arc<Disk>) -> io::Result<Self> {
        let overlay = Overlay::over(&disk)?;
        Ok(Self(Arc::new(HandleState {
            disk,
            retired: RwLock::new(false),
            overlay: Some(Mutex::new(overlay)),
        })))
    }

    /// From here on every call fails; calls in progress are waited for.
    pub(super) fn retire(&self) {
        *self.0.retired.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn enter<T>(&self, call: impl FnOnce(&HandleState) -> io::Result<T>) -> io::Result<T> {
        let retired = self.0.retired.read().unwrap_or_else(PoisonError::into_inner);
        if *retired {
            return Err(io::Error::other("the log was reopened"));
        }
        call(&self.0)
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        self.enter(|state| match &state.overlay {
            Some(overlay) => Ok(lock(overlay).len()),
            None => state.disk.len(),
        })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.enter(|state| match &state.overlay {
            Some(overlay) => lock(overlay).read(&state.disk, offset, out),
            None => state.disk.read(offset, out),
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.enter(|state| match &state.overlay {
            Some(overlay) => {
                lock(overlay).set_len(len);
                Ok(())
            }
            None => state.disk.set_len(len),
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.enter(|state| {
            if state.overlay.is_some() {
                Ok(())
            } else {
                state.disk.sync()
            }
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.enter(|state| match &state.overlay {
            Some(overlay) => lock(overlay).write(&state.disk, offset, data),
            None => state.disk.write(offset, data),
        })
    }
}
