//! One pass over the log, as a person asks for it: a sample of each partition, or everything.
//!
//! **Bound:** it ends after [`LOSSES`] losses; a store that is empty is known for one by then.

use std::ops::Range;

use fastrand::Rng;
use hindsight_engines::log::ConsumerError;
use hindsight_schemas::ids::{Offset, Partition, Topic};
use tokio::time::Instant;

use super::Scrubber;
use super::choice::choose;
use super::outcome::{Loss, Tally};

/// After so many losses no more is looked for.
pub const LOSSES: usize = 1_000;

/// How far a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Offsets that were passed.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

/// What came of a pass.
#[derive(Debug, Default)]
pub struct Passed {
    /// How records stand.
    pub tally: Tally,
    /// Those that are not as promised.
    pub losses: Vec<Loss>,
    /// Whether it ended at [`LOSSES`].
    pub cut: bool,
}

impl Scrubber {
    /// Looks at so many records of each partition, at any place, or at all of them.
    pub async fn pass(
        &self,
        of_each: Option<u64>,
        mut hear: impl FnMut(Progress),
    ) -> Result<Passed, ConsumerError> {
        let ranges = self.ranges(of_each).await?;
        let passed_at = Instant::now();
        let mut progress = Progress {
            done: 0,
            of: ranges.iter().map(|(_, range)| range.end - range.start).sum(),
        };
        let mut passed = Passed::default();
        for (partition, Range { start: mut from, end }) in ranges {
            let mut reader = self.views.log.reader(partition, from);
            while from < end {
                let (sampled, next) = self.read(&mut *reader, end).await?;
                let examined = self.examine(&sampled, passed_at).await;
                passed.tally += examined.tally;
                passed.losses.extend(examined.losses);
                if passed.losses.len() >= LOSSES {
                    passed.cut = true;
                    return Ok(passed);
                }
                progress.done += next - from;
                from = next;
                hear(progress);
            }
        }
        Ok(passed)
    }

    async fn ranges(&self, of_each: Option<u64>) -> Result<Vec<(Partition, Range<Offset>)>, ConsumerError> {
        let mut random = Rng::new();
        let mut ranges = Vec::new();
        for topic in [Topic::Recordings, Topic::Audit] {
            for partition in 0..self.views.log.partitions(topic) {
                let partition = Partition { topic, partition };
                let passed = self.passed(partition).await?;
                let chosen = choose(&mut random, passed, of_each.unwrap_or(u64::MAX));
                ranges.extend(chosen.map(|chosen| (partition, chosen)));
            }
        }
        Ok(ranges)
    }
}
