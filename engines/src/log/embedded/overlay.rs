//! What a read-only opening of the store writes (its repair), kept in memory over a disk that refuses writes.
//!
//! **Invariant:** reads see what was written here, and the disk elsewhere. Nothing of it reaches the disk: when the
//! disk works again the store is opened anew. **Bound:** [`OVERLAY_BYTES`]; above it the opening fails.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;

use super::disk::Disk;

const OVERLAY_BYTES: usize = 64 * 1024 * 1024;
const BLOCK: u64 = 4096;

/// What a read-only handle was told to write, in blocks.
#[derive(Debug)]
pub(super) struct Overlay {
    len: u64,
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl Overlay {
    pub(super) fn over(disk: &Disk) -> io::Result<Self> {
        Ok(Self {
            len: disk.len()?,
            blocks: BTreeMap::new(),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.len = len;
    }

    pub(super) fn read(&self, disk: &Disk, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset + out.len() as u64 > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read_padded(disk, offset, out)?;
        let (first, last) = (offset / BLOCK, (offset + out.len() as u64) / BLOCK);
        for (number, block) in self.blocks.range(first..=last) {
            let start = (number * BLOCK).max(offset);
            let end = ((number + 1) * BLOCK).min(offset + out.len() as u64);
            if start < end {
                let from = (start - number * BLOCK) as usize;
                let to = (start - offset) as usize;
                let len = (end - start) as usize;
                out[to..to + len].copy_from_slice(&block[from..from + len]);
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, disk: &Disk, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < data.len() {
            let at = offset + done as u64;
            let within = (at % BLOCK) as usize;
            let len = (BLOCK as usize - within).min(data.len() - done);
            let block = self.block(disk, at / BLOCK)?;
            block[within..within + len].copy_from_slice(&data[done..done + len]);
            done += len;
        }
        Ok(())
    }

    fn block(&mut self, disk: &Disk, number: u64) -> io::Result<&mut [u8]> {
        if self.blocks.len() * BLOCK as usize >= OVERLAY_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "read-only overlay is over its bound",
            ));
        }
        if let Entry::Vacant(vacant) = self.blocks.entry(number) {
            let mut block = vec![0; BLOCK as usize].into_boxed_slice();
            read_padded(disk, number * BLOCK, &mut block)?;
            vacant.insert(block);
        }
        Ok(self.blocks.get_mut(&number).expect("inserted above"))
    }
}

/// Reads what the file has; zeros behind its end, as a longer file would have.
fn read_padded(disk: &Disk, offset: u64, out: &mut [u8]) -> io::Result<()> {
    out.fill(0);
    let there = disk.len()?.saturating_sub(offset).min(out.len() as u64) as usize;
    disk.read(offset, &mut out[..there])
}
