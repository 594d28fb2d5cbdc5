//! A sink of lanes that takes time and nothing else: so many ranges at once, each for so long. It remembers when each
//! came. **Bound:** [`DONE_WITHIN`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hindsight_engines::log::StoredRecord;
use hindsight_processors::delivery::{
    CutLimits, Materializer, PrepareError, Prepared, RangeName, ViewError, WriteError,
};
use hindsight_schemas::ids::{Partition, Topic};
use tokio::sync::Semaphore;

const DONE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A sink that takes time.
pub(super) struct Sink {
    /// Of the view that it is.
    generation: u32,
    each: Duration,
    turns: Semaphore,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// From conversion to write.
    waited: Vec<Duration>,
    written: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Sink {
    pub(super) fn new(each: Duration, at_once: usize) -> Self {
        Self {
            generation: 0,
            each,
            turns: Semaphore::new(at_once),
            seen: Mutex::default(),
        }
    }

    /// As this generation of the view.
    pub(super) fn of_view(self, generation: u32) -> Self {
        Self { generation, ..self }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many ranges are written.
    pub(super) async fn until(&self, written: u64) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.seen().written < written {
            let done = self.seen().written;
            anyhow::ensure!(
                started.elapsed() < DONE_WITHIN,
                "{done} of {written} ranges were written"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    pub(super) fn forget(&self) {
        self.seen().waited.clear();
    }

    pub(super) fn waited(&self) -> Vec<Duration> {
        self.seen().waited.clone()
    }

    pub(super) fn per_second(&self) -> f64 {
        let seen = self.seen();
        let took = seen.first.zip(seen.last).map(|(first, last)| last - first);
        seen.written as f64 / took.unwrap_or_default().as_secs_f64()
    }
}

#[async_trait]
impl Materializer for Sink {
    /// When it was converted.
    type Prepared = Instant;

    fn name(&self) -> &'static str {
        "intents"
    }

    fn version(&self) -> u32 {
        1
    }

    fn view_generation(&self) -> u32 {
        self.generation
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Recordings]
    }

    /// Each record is a range, at once.
    fn limits(&self) -> CutLimits {
        CutLimits {
            records: 1,
            enough: 1,
            age: Duration::ZERO,
            ..CutLimits::default()
        }
    }

    fn prepare(
        &self,
        _name: &RangeName,
        _records: Vec<StoredRecord>,
    ) -> Result<Prepared<Instant>, PrepareError> {
        Ok(Prepared {
            batch: Instant::now(),
            poison: Vec::new(),
            bytes: 0,
        })
    }

    async fn write(&self, _name: &RangeName, converted: &Instant) -> Result<(), WriteError> {
        {
            let mut seen = self.seen();
            seen.waited.push(converted.elapsed());
            seen.first.get_or_insert_with(Instant::now);
        }
        let _turn = self.turns.acquire().await;
        tokio::time::sleep(self.each).await;
        let mut seen = self.seen();
        seen.written += 1;
        seen.last = Some(Instant::now());
        Ok(())
    }

    async fn settle(&self, name: &RangeName, converted: &Instant) -> Result<(), WriteError> {
        self.write(name, converted).await
    }

    async fn has_rows(&self, _partition: Partition) -> Result<bool, ViewError> {
        Ok(false)
    }
}
