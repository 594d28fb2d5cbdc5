//! Faults that tests inject below the store: each call of the disk asks here first.
//!
//! An error from here is what the operating system would have said, so what the log does about it is what it
//! would do about a real one.

use std::fmt::Debug;
use std::io;

/// What the disk is about to do, and whether it may. The defaults let everything pass.
pub trait DiskFaults: Debug + Send + Sync {
    /// Bytes are about to be read.
    fn before_read(&self) -> io::Result<()> {
        Ok(())
    }

    /// These bytes are about to be written at this place.
    fn before_write(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// The file is about to get this length.
    fn before_set_len(&self, _len: u64) -> io::Result<()> {
        Ok(())
    }

    /// The file is about to be synced.
    fn before_sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// The file was synced: everything written before is durable.
    fn after_sync(&self) {}

    /// Free bytes of the file system, instead of what it says itself.
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}
