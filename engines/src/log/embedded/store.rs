//! The store and its reopening. redb stops for good at the first failed call of the disk and asks to be opened
//! again; here that is done without the rest of the log knowing.
//!
//! **Invariant:** at most one handle is live: the old one is retired before the next is opened. While the disk
//! refuses writes, readers go on over a read-only opening whose repair lies in memory.
//!
//! **Failure:** a disk that fails is tried again at most once in `retry_interval`; in between writers get the
//! disk's words at once.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use redb::{Builder, Database, WriteTransaction};

use super::disk::{Disk, Handle};
use super::error::{OpenError, StoreError};
use super::options::Options;
use super::tables::{self, Loaded};

/// One opening.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) database: Arc<Database>,
    handle: Handle,
    /// Why it is read-only, if it is.
    refusal: Option<String>,
}

/// The store behind the log.
pub(super) struct Store {
    disk: Arc<Disk>,
    options: Options,
    opened: RwLock<Option<Opened>>,
    /// When reopening was last tried; only the writer does.
    tried: Mutex<Option<Duration>>,
}

impl Store {
    /// Opens the file, makes the tables if it is new, and reads what they say.
    pub(super) fn open(file: &Path, options: &Options) -> Result<(Self, Loaded), OpenError> {
        let disk = Arc::new(Disk::open(file, options.faults.clone())?);
        let damaged = |error: StoreError| OpenError::Damaged {
            path: file.to_owned(),
            reason: error.to_string(),
        };
        let (opened, loaded) = open_read_write(&disk, options).map_err(damaged)?;
        let store = Self {
            disk,
            options: options.clone(),
            opened: RwLock::new(Some(opened)),
            tried: Mutex::new(None),
        };
        Ok((store, loaded))
    }

    /// For reading; also while the disk refuses writes.
    pub(super) fn readable(&self) -> Result<Arc<Database>, StoreError> {
        Ok(self.current()?.database)
    }

    /// For writing; the error says why not.
    pub(super) fn writable(&self) -> Result<Arc<Database>, StoreError> {
        let opened = self.current()?;
        opened
            .refusal
            .map_or(Ok(opened.database), |reason| Err(StoreError::Disk(reason)))
    }

    /// Begins a transaction in what [`Store::writable`] gave.
    pub(super) fn begin_write(&self, database: &Database) -> Result<WriteTransaction, StoreError> {
        let mut transaction = database.begin_write()?;
        let long = self
            .disk
            .len()
            .is_ok_and(|bytes| bytes > self.options.quick_repair_above_bytes);
        transaction.set_quick_repair(long);
        Ok(transaction)
    }

    /// Whether writes are refused, and why.
    pub(super) fn refusal(&self) -> Option<String> {
        self.current().ok()?.refusal
    }

    /// The file.
    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Opens again after `failed` stopped, or when it is time to try writing again. What the store then says is
    /// returned if it can be written. For the writer alone: its next batch must start from that.
    pub(super) fn reopen(&self, failed: &Arc<Database>) -> Result<Option<Loaded>, StoreError> {
        let mut tried = lock(&self.tried);
        let current = self.current()?;
        if !Arc::ptr_eq(&current.database, failed) {
            return Ok(None); // opened again since
        }
        let now = self.options.clock.monotonic();
        let too_soon = tried.is_some_and(|last| now < last + self.options.retry_interval);
        if too_soon && current.refusal.is_some() {
            return Err(StoreError::Disk(current.refusal.unwrap_or_default()));
        }
        *tried = Some(now);
        self.reopen_now(current)
    }

    fn reopen_now(&self, current: Opened) -> Result<Option<Loaded>, StoreError> {
        current.handle.retire();
        drop(current);
        let rewritten = self.disk.rewrite_unsynced().map_err(StoreError::from);
        match rewritten.and_then(|()| open_read_write(&self.disk, &self.options)) {
            Ok((opened, loaded)) => {
                tracing::info!(file = ?self.disk.path(), "log opened again");
                self.replace(opened);
                Ok(Some(loaded))
            }
            Err(error) => {
                tracing::error!(file = ?self.disk.path(), %error, "log is read-only until its disk works again");
                self.replace(open_read_only(&self.disk, &self.options, error.to_string())?);
                Err(error)
            }
        }
    }

    /// Closes the store and gives up its lock. The next opening needs no repair, save when a reader was in the
    /// middle of a scan or the disk had failed.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        let opened = self.opened.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Opened {
            database,
            handle,
            refusal,
        }) = opened
        else {
            return Ok(());
        };
        let closed = match Arc::into_inner(database) {
            Some(database) if refusal.is_none() => database.close().map_err(StoreError::from),
            _ => Ok(()),
        };
        handle.retire();
        self.disk.unlock();
        closed
    }

    fn current(&self) -> Result<Opened, StoreError> {
        self.opened
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(StoreError::Closed)
    }

    fn replace(&self, opened: Opened) {
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = Some(opened);
    }
}

fn builder(options: &Options) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder
}

fn open_read_write(disk: &Arc<Disk>, options: &Options) -> Result<(Opened, Loaded), StoreError> {
    let handle = Handle::read_write(Arc::clone(disk));
    let database = builder(options).create_with_backend(handle.clone())?;
    let loaded = match tables::load(&database, options)? {
        Some(loaded) => loaded,
        None => {
            tables::create(&database, options)?;
            let loaded = tables::load(&database, options)?;
            loaded.ok_or_else(|| StoreError::Damaged("its tables are missing".into()))?
        }
    };
    Ok((
        Opened {
            database: Arc::new(database),
            handle,
            refusal: None,
        },
        loaded,
    ))
}

fn open_read_only(disk: &Arc<Disk>, options: &Options, reason: String) -> Result<Opened, StoreError> {
    let handle = Handle::read_only(Arc::clone(disk))?;
    let database = builder(options).create_with_backend(handle.clone())?;
    Ok(Opened {
        database: Arc::new(database),
        handle,
        refusal: Some(reason),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
