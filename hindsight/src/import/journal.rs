//! What a server has acknowledged, in a file, so that a long import that was cut short need not send it again.
//!
//! ```text
//! hindsight import journal 1 <url>
//! <SHA-256 of what was acknowledged, in hex>      one line each
//! ```
//!
//! **Invariant:** a line is written after the 202. A line that is lost or torn costs one repetition, which the server
//! answers alike; a journal of another server is refused. **Bound:** 32 bytes of memory a recording or audit call.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

/// Stands for one recording or one call of audit events.
pub(super) type Mark = [u8; 32];

/// The journal of an import; without a file it remembers nothing.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    known: HashSet<Mark>,
    file: Option<Mutex<File>>,
}

impl Journal {
    /// Opens or makes the journal of imports to a server.
    pub(crate) fn open(path: &Path, url: &str) -> anyhow::Result<Self> {
        Self::read_or_make(path, url).with_context(|| format!("journal {}", path.display()))
    }

    fn read_or_make(path: &Path, url: &str) -> anyhow::Result<Self> {
        let head = format!("hindsight import journal 1 {}", url.trim_end_matches('/'));
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let mut lines = text.lines();
        match lines.next() {
            None => writeln!(file, "{head}")?,
            Some(found) if found == head => {}
            Some(found) => {
                bail!("it begins with {found:?} instead of {head:?}: name another file by --journal")
            }
        }
        let known = lines.filter_map(from_hex).collect();
        file.seek(SeekFrom::End(0))?;
        if !text.is_empty() && !text.ends_with('\n') {
            writeln!(file)?;
        }
        Ok(Self {
            known,
            file: Some(Mutex::new(file)),
        })
    }

    /// Whether the server has it, as far as this journal knows.
    pub(super) fn holds(&self, mark: &Mark) -> bool {
        self.known.contains(mark)
    }

    /// The server has acknowledged it.
    pub(super) fn note(&self, mark: &Mark) -> anyhow::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{}", to_hex(mark)).context("the journal can't be written (--journal)")
    }
}

/// The mark of what is made of these parts.
pub(super) fn mark<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Mark {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn to_hex(mark: &Mark) -> String {
    mark.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(line: &str) -> Option<Mark> {
    let digits = line.as_bytes();
    let mut mark = [0; 32];
    if digits.len() != 2 * mark.len() {
        return None;
    }
    for (byte, pair) in mark.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_known_again_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let [kept, torn, next] = ["a", "b", "c"].map(|text| mark([text.as_bytes()]));
        let journal = Journal::open(&path, "http://one").unwrap();
        journal.note(&kept).unwrap();
        journal.note(&torn).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();

        let journal = Journal::open(&path, "http://one/").unwrap();
        assert!(journal.holds(&kept) && !journal.holds(&torn));
        journal.note(&next).unwrap();
        let journal = Journal::open(&path, "http://one").unwrap();
        assert!(journal.holds(&kept) && journal.holds(&next) && !journal.holds(&torn));
    }

    #[test]
    fn a_journal_of_another_server_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Journal::open(&path, "http://one").unwrap();
        let refused = Journal::open(&path, "http://two").unwrap_err();
        assert!(format!("{refused:#}").contains("--journal"), "{refused:#}");
    }

    #[test]
    fn parts_are_not_run_together() {
        assert_ne!(mark([&b"ab"[..], b"c"]), mark([&b"a"[..], b"bc"]));
    }
}
