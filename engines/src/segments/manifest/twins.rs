//! Which copy of each batch counts, and where it is read.
//!
//! **Invariant:** the lowest position wins, readable or not: a twin with other content is never shown in its place. Of
//! copies with the winner's content the generation's is read, else any that is not damaged. A copy of which neither
//! place nor content is known counts only where there is no other.

use std::collections::{BTreeMap, BTreeSet};

use hindsight_schemas::ids::{Position, Seq, Tab};

use super::{LostBatch, ManifestFrame, Sources, hull};
use crate::segments::format::{Batch, Conflict, Digest, Interval};
use crate::segments::frame_id::FrameId;
use crate::segments::holdings::{Rank, rank};

/// Where a copy of a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// In the generation's frames.
    Generation,
    /// In the flush frame of this index.
    Flush(usize),
}

/// The copy of a batch that counts.
pub(super) enum Winner {
    /// It is read there.
    Read { batch: Box<Batch>, source: Source },
    /// No copy can be read; when it was.
    Lost { span: Interval },
}

pub(super) type Winners = BTreeMap<(Tab, Seq), Winner>;

struct Copy<'a> {
    /// Its place in the log and its content; `None` of a lost one that no index knows.
    known: Option<(Position, Digest)>,
    span: Interval,
    /// Where it is read, and what is told of it; `None` if it can't be read.
    readable: Option<(Source, &'a Batch)>,
    received_at_us: Option<i64>,
}

impl Copy<'_> {
    /// Known copies first, by position.
    fn order(&self) -> (bool, Option<Rank>, Option<Source>) {
        let rank = self.known.map(|(position, _)| rank(&position));
        (rank.is_none(), rank, self.readable.map(|(source, _)| source))
    }

    fn content(&self) -> Option<Digest> {
        self.known.map(|(_, content)| content)
    }
}

/// The winner of each batch, and what lost to another content. `frames` are the generation's, and from `flush_from` on
/// those of the flush rows.
pub(super) fn winners(
    sources: &Sources<'_>,
    frames: &[ManifestFrame],
    flush_from: usize,
    broken: &BTreeSet<FrameId>,
) -> (Winners, Vec<Conflict>) {
    let mut conflicts = BTreeMap::new();
    let mut conflict = |lost: Conflict| {
        conflicts.insert((lost.tab.clone(), lost.seq, rank(&lost.position)), lost);
    };
    let carried = sources.generation.iter().flat_map(|footer| &footer.conflicts);
    carried.cloned().for_each(&mut conflict);

    let mut winners = Winners::new();
    for (key, mut twins) in copies(sources, frames, flush_from, broken) {
        twins.sort_by_key(Copy::order);
        let content = twins.first().and_then(Copy::content);
        let (same, other): (Vec<_>, Vec<_>) = twins.iter().partition(|copy| copy.content() == content);
        for loser in other {
            conflicts_with(&key, loser).into_iter().for_each(&mut conflict);
        }
        winners.extend(winner(&same).map(|winner| (key, winner)));
    }
    (winners, conflicts.into_values().collect())
}

/// Of copies with one content, in their order: the lowest position's facts, read at the best place.
fn winner(same: &[&Copy<'_>]) -> Option<Winner> {
    let readable = || same.iter().filter_map(|copy| copy.readable);
    let source = readable().map(|(source, _)| source).min();
    match (source, readable().next()) {
        (Some(source), Some((_, batch))) => Some(Winner::Read {
            batch: Box::new(batch.clone()),
            source,
        }),
        _ => same
            .iter()
            .map(|copy| copy.span)
            .reduce(hull)
            .map(|span| Winner::Lost { span }),
    }
}

/// What is told of a loser; nothing of one of which only an index knows.
fn conflicts_with(key: &(Tab, Seq), loser: &Copy<'_>) -> Option<Conflict> {
    let (position, content_sha256) = loser.known?;
    Some(Conflict {
        tab: key.0.clone(),
        seq: key.1,
        position,
        content_sha256,
        received_at_us: loser.received_at_us?,
    })
}

fn copies<'a>(
    sources: &'a Sources<'_>,
    frames: &[ManifestFrame],
    flush_from: usize,
    broken: &BTreeSet<FrameId>,
) -> BTreeMap<(Tab, Seq), Vec<Copy<'a>>> {
    let damaged: BTreeSet<(Tab, Seq)> = frames[..flush_from]
        .iter()
        .filter(|frame| broken.contains(&frame.id))
        .flat_map(held)
        .collect();
    let mut copies: BTreeMap<(Tab, Seq), Vec<Copy<'a>>> = BTreeMap::new();
    for batch in sources.generation.iter().flat_map(|footer| &footer.batches) {
        let key = (batch.tab.clone(), batch.seq);
        let readable = !damaged.contains(&key);
        let copy = described(batch, readable.then_some(Source::Generation));
        copies.entry(key).or_default().push(copy);
    }
    for (at, row) in (flush_from..).zip(sources.flush) {
        let readable = !broken.contains(&frames[at].id);
        let copy = described(&row.batch, readable.then_some(Source::Flush(at)));
        let key = (row.batch.tab.clone(), row.batch.seq);
        copies.entry(key).or_default().push(copy);
    }
    for lost in sources.lost {
        let key = (lost.tab.clone(), lost.seq);
        copies.entry(key).or_default().push(Copy {
            known: lost.known,
            span: lost.span,
            readable: None,
            received_at_us: None,
        });
    }
    copies
}

fn described(batch: &Batch, source: Option<Source>) -> Copy<'_> {
    Copy {
        known: Some((batch.position, batch.content_sha256)),
        span: Interval {
            from_ms: batch.first_at_ms,
            to_ms: batch.last_at_ms,
        },
        readable: source.map(|source| (source, batch)),
        received_at_us: Some(batch.received_at_us),
    }
}

/// The batches of which a frame holds events.
fn held(frame: &ManifestFrame) -> impl Iterator<Item = (Tab, Seq)> + '_ {
    let runs = frame.described.runs.iter();
    runs.map(|run| (frame.described.tab.clone(), run.seq))
}

/// The frames that can't be read: damaged, or in need of a dictionary that can't be read.
pub(super) fn broken(
    unreadable: &BTreeSet<FrameId>,
    frames: &[ManifestFrame],
    flush_from: usize,
) -> BTreeSet<FrameId> {
    let mut broken = BTreeSet::new();
    for (at, frame) in frames.iter().enumerate() {
        let by_number = |number: u32| frames[..flush_from].get(number as usize);
        // A dictionary lies before the frames that need it.
        let dictionary = frame.described.dictionary.filter(|_| at < flush_from);
        let needs_broken = dictionary
            .and_then(by_number)
            .is_some_and(|dictionary| broken.contains(&dictionary.id));
        if needs_broken || unreadable.contains(&frame.id) {
            broken.insert(frame.id);
        }
    }
    broken
}

/// The frames that can't be read and held a batch of which no copy can.
pub(super) fn missed(
    sources: &Sources<'_>,
    frames: &[ManifestFrame],
    broken: &BTreeSet<FrameId>,
    winners: &Winners,
) -> BTreeSet<FrameId> {
    let is_lost = |key: &(Tab, Seq)| matches!(winners.get(key), Some(Winner::Lost { .. }));
    let damaged = frames
        .iter()
        .filter(|frame| broken.contains(&frame.id) && held(frame).any(|key| is_lost(&key)));
    let gone = sources
        .lost
        .iter()
        .map(|lost: &LostBatch| (lost, (lost.tab.clone(), lost.seq)));
    let gone = gone.filter(|(_, key)| is_lost(key)).map(|(lost, _)| lost.frame);
    damaged.map(|frame| frame.id).chain(gone).collect()
}
