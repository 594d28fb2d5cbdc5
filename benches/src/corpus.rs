//! A folder of recordings (zstd-packed or plain JSON lines, one rrweb event a line) cut into gzip batches as a
//! recorder would flush them.
//!
//! **Invariant:** the same folder gives the same batches in the same order. The tabs of the corpus run side by side,
//! as visits do: their batches are merged by the time since their beginning. **Bound:** the packed corpus is in memory.

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;

/// A recorder flushes at least so often.
const FLUSH_MS: i64 = 5_000;
/// Raw bytes of a batch; only one keyframe or event passes it.
const FLUSH_BYTES: usize = 512 * 1024;
/// What browsers' `CompressionStream` uses.
const GZIP_LEVEL: u32 = 6;
const FULL_SNAPSHOT: u8 = 2;
const META: u8 = 4;

/// A batch, ready to be sent.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Number of the tab in the corpus.
    pub tab: usize,
    /// Number in the tab.
    pub seq: u32,
    /// The events as gzip-packed JSON lines.
    pub packed: Vec<u8>,
    /// Bytes of the JSON lines.
    pub raw_bytes: usize,
    /// Number of events.
    pub events: usize,
    /// Since the tab's first event.
    offset_ms: i64,
}

/// Batches in the order of sending.
#[derive(Debug)]
pub struct Corpus {
    /// The batches.
    pub batches: Vec<Batch>,
    /// How many tabs they are of.
    pub tabs: usize,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: u8,
    timestamp: f64,
}

struct Event {
    text: String,
    kind: u8,
    at_ms: i64,
}

impl Corpus {
    /// As a recorder flushes: every 5 s of the visit, at 512 KiB, and before each keyframe.
    pub fn of_flushes(folder: &Path) -> anyhow::Result<Self> {
        Self::cut(folder, |events| flushes(&events))
    }

    /// Only events that are no snapshot, a hundred a batch.
    pub fn of_small_events(folder: &Path) -> anyhow::Result<Self> {
        Self::cut(folder, |events| {
            let small: Vec<Event> = events
                .into_iter()
                .filter(|event| event.kind != FULL_SNAPSHOT)
                .collect();
            small.chunks_exact(100).map(pack).collect()
        })
    }

    fn cut(folder: &Path, batches_of: impl Fn(Vec<Event>) -> Vec<Batch>) -> anyhow::Result<Self> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .with_context(|| format!("{} can't be read", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().contains(".jsonl"))
            .collect();
        files.sort();
        anyhow::ensure!(
            !files.is_empty(),
            "no *.jsonl or *.jsonl.zst in {}",
            folder.display()
        );
        let mut batches = Vec::new();
        for (tab, file) in files.iter().enumerate() {
            let events = read(file).with_context(|| format!("{} can't be read", file.display()))?;
            let cut = batches_of(events).into_iter().zip(0..);
            batches.extend(cut.map(|(batch, seq)| Batch { tab, seq, ..batch }));
        }
        batches.sort_by_key(|batch| (batch.offset_ms, batch.tab, batch.seq));
        Ok(Self {
            batches,
            tabs: files.len(),
        })
    }

    /// Bytes of the JSON lines of all batches.
    pub fn raw_bytes(&self) -> usize {
        self.batches.iter().map(|batch| batch.raw_bytes).sum()
    }

    /// Bytes as sent.
    pub fn packed_bytes(&self) -> usize {
        self.batches.iter().map(|batch| batch.packed.len()).sum()
    }

    /// Number of events of all batches.
    pub fn events(&self) -> usize {
        self.batches.iter().map(|batch| batch.events).sum()
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<Event>> {
    let bytes = std::fs::read(file)?;
    let text = match file.extension() {
        Some(extension) if extension == "zst" => zstd::decode_all(&bytes[..])?,
        _ => bytes,
    };
    let mut events = Vec::new();
    for line in String::from_utf8(text)?.lines() {
        let head: Head = serde_json::from_str(line)?;
        events.push(Event {
            text: line.to_owned(),
            kind: head.kind,
            at_ms: head.timestamp as i64,
        });
    }
    Ok(events)
}

fn flushes(events: &[Event]) -> Vec<Batch> {
    let (mut ranges, mut start, mut bytes) = (Vec::<Range<usize>>::new(), 0, 0);
    for (index, event) in events.iter().enumerate() {
        let is_keyframe = event.kind == META
            && events
                .get(index + 1)
                .is_some_and(|next| next.kind == FULL_SNAPSHOT);
        let is_its_snapshot = event.kind == FULL_SNAPSHOT && index == start + 1;
        let is_due = bytes + event.text.len() > FLUSH_BYTES || event.at_ms - events[start].at_ms >= FLUSH_MS;
        if index > start && (is_keyframe || is_due && !is_its_snapshot) {
            ranges.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += event.text.len() + 1;
    }
    ranges.push(start..events.len());
    let first_ms = events.first().map_or(0, |event| event.at_ms);
    let batches = ranges.into_iter().filter(|range| !range.is_empty());
    batches
        .map(|range| Batch {
            offset_ms: events[range.end - 1].at_ms - first_ms,
            ..pack(&events[range])
        })
        .collect()
}

fn pack(events: &[Event]) -> Batch {
    let mut raw_bytes = 0;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    for event in events {
        let line = [event.text.as_bytes(), b"\n"].concat();
        raw_bytes += line.len();
        encoder.write_all(&line).expect("a vector takes every byte");
    }
    Batch {
        tab: 0,
        seq: 0,
        packed: encoder.finish().expect("a vector takes every byte"),
        raw_bytes,
        events: events.len(),
        offset_ms: 0,
    }
}
