//! Segments in a folder of this machine.
//!
//! A put writes a scratch file, makes it durable, gives it its name without replacing (`renameat2`, or a hard link
//! where the file system has no such rename), and makes the folders durable. `object_store`'s own local put is not
//! used for that: where the name exists it does not make that name durable before it says so, and its scratch
//! files lie among the objects.
//!
//! **Invariant:** what a put answered, `Created` or `Exists`, survives a crash. **Failure:** a crash leaves scratch
//! files, which the next open removes; nothing half-written ever has a name. One process a folder.

mod list;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::local::LocalFileSystem;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::objects::ObjectSegments;
use super::path::{Prefix, SegmentPath};
use super::store::{Listed, ObjectTail, PendingObject, Put, SegmentStore, StoreError};

const SCRATCH: &str = ".scratch";

/// Folders known to be durable that are remembered; beyond that they are simply synced again.
const DURABLE_FOLDERS: usize = 4_096;

/// Objects in a folder.
#[derive(Debug, Clone)]
pub struct LocalSegments {
    folder: Arc<Folder>,
    objects: ObjectSegments,
}

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    next_scratch: AtomicU64,
    durable: Mutex<HashSet<PathBuf>>,
}

impl LocalSegments {
    /// Opens (or makes) the folder and removes what crashed puts left.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let wrap = |source| io_error(root, source);
        let scratch = root.join(SCRATCH);
        fs::create_dir_all(&scratch).map_err(wrap)?;
        let root = root.canonicalize().map_err(wrap)?;
        for leftover in fs::read_dir(&scratch).map_err(wrap)? {
            fs::remove_file(leftover.map_err(wrap)?.path()).map_err(wrap)?;
        }
        let folder = Folder {
            root,
            next_scratch: AtomicU64::new(0),
            durable: Mutex::default(),
        };
        folder.sync(&folder.root).map_err(wrap)?;
        if let Some(parent) = folder.root.parent() {
            // The parent may not be ours to open; then it wasn't us who made the folder in it.
            let _ = folder.sync(parent);
        }
        let objects = LocalFileSystem::new_with_prefix(&folder.root)
            .map_err(|error| super::objects::store_error(&folder.root.display(), error))?
            .with_fsync(true);
        Ok(Self {
            folder: Arc::new(folder),
            objects: ObjectSegments::new(Arc::new(objects)),
        })
    }
}

impl Folder {
    fn path(&self, path: &SegmentPath) -> PathBuf {
        self.root.join(path.to_string())
    }

    /// Makes all folders above `object`, and their names durable.
    fn make_parents(&self, object: &Path) -> io::Result<()> {
        let parent = object.parent().expect("objects lie in folders");
        fs::create_dir_all(parent)?;
        // A folder's name is in the folder above; whoever made it may not have synced it yet, so that is known only
        // of those that this process has synced.
        for folder in parent.ancestors().take_while(|folder| *folder != self.root) {
            if self.known().contains(folder) {
                break;
            }
            self.sync(folder.parent().expect("below the root"))?;
        }
        let mut known = self.known();
        if known.len() >= DURABLE_FOLDERS {
            known.clear();
        }
        known.insert(parent.to_owned());
        Ok(())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn scratch(&self) -> io::Result<Scratch> {
        let number = self.next_scratch.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(SCRATCH).join(number.to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Scratch { path, file })
    }

    /// Gives a scratch file its name.
    fn publish(&self, scratch: &Scratch, object: &Path) -> io::Result<Put> {
        scratch.file.sync_all()?;
        self.make_parents(object)?;
        let put = match name_without_replacing(&scratch.path, object) {
            Ok(()) => Put::Created,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Put::Exists,
            Err(error) => return Err(error),
        };
        // Also where it exists: its maker may have died before this.
        self.sync(object.parent().expect("objects lie in folders"))?;
        Ok(put)
    }
}

fn name_without_replacing(scratch: &Path, object: &Path) -> io::Result<()> {
    match renameat_with(CWD, scratch, CWD, object, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            fs::hard_link(scratch, object)
        }
        renamed => renamed.map_err(io::Error::from),
    }
}

/// A file without a name among the objects; removed when dropped, unless it got one.
#[derive(Debug)]
struct Scratch {
    path: PathBuf,
    file: File,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Fails where the file was renamed; what else stays, the next open removes.
        let _ = fs::remove_file(&self.path);
    }
}

fn io_error(path: &Path, source: io::Error) -> StoreError {
    let path = path.display().to_string();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path, source },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path, source }
        }
        _ => StoreError::Engine {
            path,
            source: Box::new(source),
        },
    }
}

struct Pending {
    folder: Arc<Folder>,
    object: PathBuf,
    scratch: Option<Scratch>,
}

impl Pending {
    /// Runs `work` on the blocking pool, which has the scratch file meanwhile.
    async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Folder, &mut Scratch, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (folder, object) = (self.folder.clone(), self.object.clone());
        let scratch = self.scratch.take();
        let done = tokio::task::spawn_blocking(move || {
            let mut scratch =
                scratch.ok_or_else(|| io::Error::other("an earlier write was cancelled or failed"))?;
            let value = work(&folder, &mut scratch, &object)?;
            Ok((scratch, value))
        });
        let (scratch, value) = done
            .await
            .map_err(io::Error::other)
            .and_then(|done| done)
            .map_err(|source| io_error(&self.object, source))?;
        self.scratch = Some(scratch);
        Ok(value)
    }
}

#[async_trait]
impl PendingObject for Pending {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.blocking(move |_, scratch, _| scratch.file.write_all(&bytes))
            .await
    }

    async fn finish(mut self: Box<Self>) -> Result<Put, StoreError> {
        self.blocking(|folder, scratch, object| folder.publish(scratch, object))
            .await
    }
}

#[async_trait]
impl SegmentStore for LocalSegments {
    async fn create(&self, path: &SegmentPath) -> Result<Box<dyn PendingObject>, StoreError> {
        let folder = self.folder.clone();
        let object = folder.path(path);
        let scratch = tokio::task::spawn_blocking(move || folder.scratch())
            .await
            .map_err(io::Error::other)
            .and_then(|scratch| scratch)
            .map_err(|source| io_error(&object, source))?;
        Ok(Box::new(Pending {
            folder: self.folder.clone(),
            object,
            scratch: Some(scratch),
        }))
    }

    async fn get(&self, path: &SegmentPath) -> Result<Bytes, StoreError> {
        self.objects.get(path).await
    }

    async fn get_range(&self, path: &SegmentPath, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.objects.get_range(path, range).await
    }

    async fn get_tail(&self, path: &SegmentPath, bytes: u64) -> Result<ObjectTail, StoreError> {
        self.objects.get_tail(path, bytes).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&SegmentPath>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let (folder, prefix) = (self.folder.clone(), prefix.to_string());
        let after = after.map(ToString::to_string);
        let wrap = |source| io_error(&self.folder.root, source);
        let page =
            tokio::task::spawn_blocking(move || list::list(&folder.root, &prefix, after.as_deref(), limit));
        let page = page
            .await
            .map_err(io::Error::other)
            .and_then(|page| page)
            .map_err(wrap)?;
        page.into_iter()
            .map(|found| {
                Ok(Listed {
                    path: found.name.parse()?,
                    bytes: found.bytes,
                    modified_ms: found.modified_ms,
                })
            })
            .collect()
    }

    async fn delete(&self, path: &SegmentPath) -> Result<(), StoreError> {
        self.objects.delete(path).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/dev/full` answers every write as a full disk does.
    #[tokio::test]
    async fn a_full_disk_says_so_and_leaves_no_object() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalSegments::open(dir.path()).unwrap();
        let object = dir.path().join("flush/g1/0/x");
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let scratch = Scratch {
            path: dir.path().join("gone"),
            file,
        };
        let mut pending = Box::new(Pending {
            folder: store.folder.clone(),
            object: object.clone(),
            scratch: Some(scratch),
        });
        let error = pending.write(Bytes::from_static(b"x")).await.unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(
            pending.finish().await.is_err(),
            "a failed write can't be finished"
        );
        assert!(!object.exists());
    }
}
