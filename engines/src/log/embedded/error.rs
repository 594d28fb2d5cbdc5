//! Why the embedded log can't be opened, and how failures of its store map onto the seam's errors.

use std::io;
use std::path::PathBuf;

use super::super::{AppendError, ConsumerError};

/// Why the log could not be opened; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or this one) has it open.
    #[error("log {0:?} is in use by another process; stop it or choose another folder")]
    InUse(PathBuf),
    /// The disk's own words.
    #[error("cannot open log {path:?}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The number of partitions is chosen once for a folder.
    #[error(
        "log {path:?} has {stored} partitions, the configuration asks for {asked}; set it back to {stored}"
    )]
    Partitions {
        /// The file.
        path: PathBuf,
        /// What it was made with.
        stored: u32,
        /// What the options say.
        asked: u32,
    },
    /// Not a log, of a newer format, or damaged beyond what the store repairs.
    #[error("log {path:?} cannot be read: {reason}; restore it from a copy or move it away")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The store's words.
        reason: String,
    },
}

/// A failure of the store.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum StoreError {
    /// The disk failed or is full; the store must be reopened.
    #[error("{0}")]
    Disk(String),
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// Something else: damage.
    #[error("{0}")]
    Damaged(String),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            disk @ (redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed) => {
                Self::Disk(disk.to_string())
            }
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<StoreError> for AppendError {
    fn from(error: StoreError) -> Self {
        AppendError::Unavailable(error.to_string())
    }
}

impl From<StoreError> for ConsumerError {
    fn from(error: StoreError) -> Self {
        ConsumerError::Engine(error.to_string())
    }
}
