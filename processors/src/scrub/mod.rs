//! Compares views with the log, in production: takes samples of what the views have passed, and looks whether each
//! accepted event is exactly once in every view.
//!
//! A record is looked for as what the lane would have made of it ([`tables`], [`documents`], [`replays`]). **Invariants:**
//! nothing is written. What seems lost is asked for again, not sooner than [`ScrubOptions::pause`] after the views passed
//! it, and is told only if neither an erasure nor its retention nor a dead letter explains it ([`examine`]). A view that is away makes records unknown, never missing.
//! **Bounds:** [`ScrubOptions::records`] records and [`PAGE_BYTES`] at a time; a look at each view, two at what seems lost.

mod choice;
mod documents;
mod examine;
mod letters;
mod meters;
mod outcome;
mod pass;
mod replays;
mod run;
mod sampled;
mod tables;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hindsight_engines::analytics::Analytics;
use hindsight_engines::log::{ConsumerError, EventLog, ReadBounds, Reader};
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::search::Search;
use hindsight_schemas::ids::{Offset, Partition};

use crate::delivery::group;
use crate::erasure::ErasedSessions;
use sampled::Sampled;

pub use outcome::{Loss, Outcome, Tally, View};
pub use pass::{LOSSES, Passed, Progress};

/// Keys and values of the records that are held at a time.
const PAGE_BYTES: usize = 16 << 20;
/// The most records that are looked at together.
pub const MOST_RECORDS: u64 = 1_000;

/// What is compared.
pub struct Views {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// ClickHouse.
    pub analytics: Arc<dyn Analytics>,
    /// The search engine.
    pub search: Arc<dyn Search>,
    /// The replay index and the segments.
    pub replays: Arc<ReplayIndex>,
    /// What need not be there.
    pub erased: ErasedSessions,
    /// Of the lanes and their tables.
    pub view_generation: u32,
}

/// How much is looked at.
#[derive(Debug, Clone, Copy)]
pub struct ScrubOptions {
    /// Between two looks.
    pub interval: Duration,
    /// Records of one look at one partition, up to [`MOST_RECORDS`].
    pub records: u64,
    /// What seems lost is asked for again when the views have passed it for this long: a refresh, a merge or a replica that
    /// was behind is no loss.
    pub pause: Duration,
}

impl Default for ScrubOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            records: 32,
            pause: Duration::from_secs(5),
        }
    }
}

/// Compares views with the log.
pub struct Scrubber {
    views: Views,
    options: ScrubOptions,
}

impl Scrubber {
    /// Over these engines.
    pub fn new(views: Views, mut options: ScrubOptions) -> Self {
        options.records = options.records.clamp(1, MOST_RECORDS);
        Self { views, options }
    }

    /// The offsets that are kept and that every view has passed.
    async fn passed(&self, partition: Partition) -> Result<Range<Offset>, ConsumerError> {
        let log = &self.views.log;
        let mut to = None;
        for view in View::ALL.into_iter().filter(|view| view.reads(partition.topic)) {
            let of_view = group(view.as_str(), self.views.view_generation);
            let committed = log.committed(&of_view, partition).await?;
            let committed = committed.map_or(0, |committed| committed.offset);
            to = Some(to.map_or(committed, |to: Offset| to.min(committed)));
        }
        let (from, end) = log.offsets(partition).await?;
        Ok(from..to.unwrap_or(from).min(end))
    }

    /// What the log has before this offset, as far as it fits; where the reader goes on.
    async fn read(
        &self,
        reader: &mut dyn Reader,
        end: Offset,
    ) -> Result<(Vec<Sampled>, Offset), ConsumerError> {
        let most = ReadBounds {
            records: usize::try_from(self.options.records).unwrap_or(usize::MAX),
            bytes: PAGE_BYTES,
        };
        let mut page = reader.page(most).await?;
        page.retain(|record| record.position.offset < end);
        // Nothing but holes up to there.
        let next = page.last().map_or(end, |last| last.position.offset + 1);
        Ok((page.iter().filter_map(Sampled::of).collect(), next))
    }
}
