//! The data folder: made at the first start, owned by one process at a time.
//!
//! **Invariant:** whoever holds a [`DataFolder`] holds an exclusive lock (flock) on `D/lock`; the lock ends with
//! the process, even by `kill -9`, so there is no stale lock to clear.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::failure::Failure;

/// A process that was killed holds its files until the kernel has taken its memory apart.
const PREDECESSOR_GONE_WITHIN: Duration = Duration::from_secs(2);
const ASKED_EVERY: Duration = Duration::from_millis(50);

/// Made and removed at each start, to know early whether files can be made.
const PROBE: &str = ".writable";

/// What the lock file says of the process that holds this folder; none where nobody does.
pub(crate) fn holder(folder: &Path) -> Option<String> {
    let path = folder.join("lock");
    let lock = File::open(&path).ok()?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
        return None;
    }
    Some(fs::read_to_string(&path).unwrap_or_default())
}

/// A locked data folder.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is missing, and takes its lock.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let unusable = |error: std::io::Error| Failure::FolderUnusable {
            folder: path.to_path_buf(),
            reason: error.to_string(),
        };
        if !path.exists() {
            fs::create_dir_all(path).map_err(unusable)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        }
        let path = fs::canonicalize(path).map_err(unusable)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(unusable)?;
        let asked = Instant::now();
        while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            if asked.elapsed() > PREDECESSOR_GONE_WITHIN {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                let holder = if holder.is_empty() {
                    "unknown".into()
                } else {
                    holder
                };
                return Err(Failure::FolderInUse { folder: path, holder });
            }
            std::thread::sleep(ASKED_EVERY);
        }
        // Files that are there may be ours to write in a folder that isn't.
        let probe = path.join(PROBE);
        fs::write(&probe, [])
            .and_then(|()| fs::remove_file(&probe))
            .map_err(unusable)?;
        lock.set_len(0).map_err(unusable)?;
        write!(lock, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder's absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_who_the_first_is() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let first = DataFolder::open(&folder).unwrap();
        let refused = DataFolder::open(&folder).unwrap_err().to_string();
        let own = std::process::id().to_string();
        assert!(refused.contains(&own), "{refused}");
        assert_eq!(holder(&folder), Some(own));
        drop(first);
        assert_eq!(holder(&folder), None);
        DataFolder::open(&folder).unwrap();
    }
}
