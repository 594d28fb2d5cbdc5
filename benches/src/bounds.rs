//! What the parts can do alone, by CPU time: the bounds beside which the whole is reported.

use std::convert::Infallible;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::num::NonZero;
use std::sync::Barrier;
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use hindsight_engines::rrweb::gunzip;
use hindsight_ingest::scan;

use crate::corpus::{Batch, Corpus};
use crate::process::thread_cpu;
use crate::spread::median;

/// Passes over the corpus of which the median counts.
const PASSES: usize = 5;

/// MB of raw JSON a second of CPU time, median of some passes on each core. All cores work at once, as they do for the
/// edge: one that works alone has the caches and the clock of its neighbours. `work` gets each batch and a buffer that
/// is kept.
pub fn megabytes_per_core(corpus: &Corpus, work: impl Fn(&Batch, &mut Vec<u8>) + Sync) -> f64 {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let start = Barrier::new(cores);
    let speeds: Vec<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    passes(corpus, &work)
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("the corpus can be read"))
            .collect()
    });
    median(&speeds)
}

/// The speed of each pass over the corpus.
fn passes(corpus: &Corpus, work: impl Fn(&Batch, &mut Vec<u8>)) -> Vec<f64> {
    let mut buffer = Vec::new();
    (0..PASSES)
        .map(|_| {
            let started = thread_cpu();
            for batch in &corpus.batches {
                work(batch, &mut buffer);
            }
            corpus.raw_bytes() as f64 / 1e6 / (thread_cpu() - started).as_secs_f64()
        })
        .collect()
}

/// Inflates a batch.
pub fn inflate(batch: &Batch, buffer: &mut Vec<u8>) {
    buffer.clear();
    gunzip(&batch.packed, buffer, usize::MAX - 1, |_| Ok::<_, Infallible>(()))
        .expect("the batch was packed here");
    black_box(&buffer);
}

/// Inflates a batch and validates it, keeping nothing: what any edge that answers for its events must do.
pub fn inflate_and_validate(batch: &Batch, buffer: &mut Vec<u8>) {
    inflate(batch, buffer);
    scan::events(buffer, |event| {
        black_box(event);
    })
    .expect("the corpus is rrweb");
}

/// Inflates a batch, validates it and takes what the record says of it, its SHA-256 among that.
pub fn inflate_and_scan(batch: &Batch, buffer: &mut Vec<u8>) {
    inflate(batch, buffer);
    black_box(scan::scan(buffer).expect("the corpus is rrweb"));
}

/// A file that is only appended to and synced.
pub struct RawAppend {
    /// Wall time of one append of `bytes` and its `fdatasync`.
    pub times: Vec<Duration>,
    /// Bytes of each.
    pub bytes: usize,
}

/// Appends blocks of so many bytes to a file in the temporary folder, each with an fdatasync.
pub fn raw_append(bytes: usize, times: usize) -> anyhow::Result<RawAppend> {
    let folder = tempfile::TempDir::with_prefix("hindsight-bench-")?;
    let mut file = File::create(folder.path().join("raw"))?;
    let mut block = vec![0; bytes];
    fastrand::fill(&mut block);
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let started = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        taken.push(started.elapsed());
    }
    Ok(RawAppend { times: taken, bytes })
}
