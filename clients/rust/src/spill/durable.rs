//! Files that are there in full or not at all, also after a loss of power.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

const HALF: &str = "half";

/// Writes a file under a name that didn't exist; when it returns, it outlives the machine's crash.
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let half = path.with_extension(HALF);
    let written = write(&half, path, content);
    if written.is_err() {
        // What is left of it is removed at the next start, too.
        let _ = fs::remove_file(&half);
    }
    written
}

fn write(half: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(half)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(half, path)?;
    sync_folder(path)
}

/// Makes the name of a file durable.
pub(crate) fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        // Not on Windows, where a folder can't be opened and its entries are journalled.
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

pub(crate) fn is_half(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == HALF)
}
