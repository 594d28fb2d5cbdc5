//! Which copy of each batch counts, and where it is read.
//!
//! **Invariant:** the lowest position wins, readable or not: a twin with other content is never shown in its place. Of
//! copies with the winner's content the generation's is read, else any that is not damaged.

use std::collections::{BTreeMap, BTreeSet};

use hindsight_schemas::ids::{Seq, Tab};

use super::{ManifestFrame, Sources};
use crate::segments::format::{Batch, Conflict};
use crate::segments::holdings::rank;

/// Where a copy of a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// In the generation's frames.
    Generation,
    /// In the flush frame of this index.
    Flush(usize),
}

/// The copy of a batch that counts.
pub(super) struct Winner {
    pub(super) batch: Batch,
    /// Where it is read; `None`: nowhere, its frames are damaged.
    pub(super) source: Option<Source>,
}

struct Copy<'a> {
    batch: &'a Batch,
    source: Source,
    readable: bool,
}

/// The winner of each batch, and what lost to another content. `frames` are the generation's, and from `flush_from` on
/// those of the flush rows.
pub(super) fn winners(
    sources: &Sources<'_>,
    frames: &[ManifestFrame],
    flush_from: usize,
) -> (BTreeMap<(Tab, Seq), Winner>, Vec<Conflict>) {
    let mut conflicts = BTreeMap::new();
    let mut conflict = |lost: Conflict| {
        conflicts.insert((lost.tab.clone(), lost.seq, rank(&lost.position)), lost);
    };
    let carried = sources.generation.iter().flat_map(|footer| &footer.conflicts);
    carried.cloned().for_each(&mut conflict);

    let mut winners = BTreeMap::new();
    for (key, mut twins) in copies(sources, frames, flush_from) {
        twins.sort_by_key(|copy| (rank(&copy.batch.position), copy.source));
        let Some(batch) = twins.first().map(|copy| copy.batch.clone()) else {
            continue;
        };
        let (same, other): (Vec<_>, Vec<_>) = twins
            .iter()
            .partition(|copy| copy.batch.content_sha256 == batch.content_sha256);
        let source = same
            .iter()
            .filter(|copy| copy.readable)
            .map(|copy| copy.source)
            .min();
        for loser in other {
            conflict(Conflict {
                tab: key.0.clone(),
                seq: key.1,
                position: loser.batch.position,
                content_sha256: loser.batch.content_sha256,
                received_at_us: loser.batch.received_at_us,
            });
        }
        winners.insert(key, Winner { batch, source });
    }
    (winners, conflicts.into_values().collect())
}

fn copies<'a>(
    sources: &'a Sources<'_>,
    frames: &[ManifestFrame],
    flush_from: usize,
) -> BTreeMap<(Tab, Seq), Vec<Copy<'a>>> {
    let damaged = damaged_in_generation(sources, &frames[..flush_from]);
    let mut copies: BTreeMap<(Tab, Seq), Vec<Copy<'a>>> = BTreeMap::new();
    for batch in sources.generation.iter().flat_map(|footer| &footer.batches) {
        let key = (batch.tab.clone(), batch.seq);
        let readable = !damaged.contains(&key);
        copies.entry(key).or_default().push(Copy {
            batch,
            source: Source::Generation,
            readable,
        });
    }
    for (at, row) in (flush_from..).zip(sources.flush) {
        let readable = !sources.unreadable.contains(&frames[at].id);
        let copy = Copy {
            batch: &row.batch,
            source: Source::Flush(at),
            readable,
        };
        copies
            .entry((row.batch.tab.clone(), row.batch.seq))
            .or_default()
            .push(copy);
    }
    copies
}

/// The batches of which a frame is damaged, or needs one that is.
fn damaged_in_generation(sources: &Sources<'_>, frames: &[ManifestFrame]) -> BTreeSet<(Tab, Seq)> {
    let mut broken: Vec<bool> = Vec::with_capacity(frames.len());
    for frame in frames {
        // A dictionary lies before the frames that need it.
        let dictionary = frame
            .described
            .dictionary
            .and_then(|number| broken.get(number as usize).copied());
        broken.push(sources.unreadable.contains(&frame.id) || dictionary.unwrap_or(false));
    }
    let damaged = frames.iter().zip(broken).filter(|(_, broken)| *broken);
    damaged
        .flat_map(|(frame, _)| {
            frame
                .described
                .runs
                .iter()
                .map(|run| (frame.described.tab.clone(), run.seq))
        })
        .collect()
}
