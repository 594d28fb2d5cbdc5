//! The folder of one process below the spill folder, held by a lock that the system drops when the process ends.
//!
//! Several processes may share a spill folder: each takes the first free of [`MOST_SLOTS`] places, and takes over what
//! ended processes left in others.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const MOST_SLOTS: u32 = 64;

/// A place, held until it is dropped.
#[derive(Debug)]
pub(super) struct SpillSlot {
    pub(super) folder: PathBuf,
    /// Unlocked when it is closed.
    _lock: File,
}

impl SpillSlot {
    /// Takes the first free place.
    pub(super) fn take(spill_folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(spill_folder)?;
        for number in 0..MOST_SLOTS {
            if let Some(slot) = Self::try_take(place(spill_folder, number))? {
                return Ok(slot);
            }
        }
        let all = format!("all {MOST_SLOTS} places are taken by running processes");
        Err(io::Error::new(ErrorKind::ResourceBusy, all))
    }

    /// Places that ended processes left behind, each held now.
    pub(super) fn take_leftovers(spill_folder: &Path, own: &Self) -> io::Result<Vec<Self>> {
        let others = (0..MOST_SLOTS).map(|number| place(spill_folder, number));
        others
            .filter(|place| place.is_dir() && *place != own.folder)
            .filter_map(|place| Self::try_take(place).transpose())
            .collect()
    }

    fn try_take(folder: PathBuf) -> io::Result<Option<Self>> {
        fs::create_dir_all(&folder)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { folder, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn place(spill_folder: &Path, number: u32) -> PathBuf {
    spill_folder.join(format!("rust-{number}"))
}
