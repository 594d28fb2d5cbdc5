//! Puts the pieces of the winners in the order of reading; leaves out frames that hold none.

use std::collections::BTreeMap;

use hindsight_schemas::ids::{Seq, Tab};

use super::twins::{Source, Winner, Winners};
use super::{ManifestFrame, Piece, TabManifest, hull};
use crate::segments::format::{Interval, Keyframe, Run};
use crate::segments::frame_id::FrameId;

/// The frames that are used, in the order of reading, and the tabs.
pub(super) fn plan(frames: Vec<ManifestFrame>, winners: Winners) -> (Vec<ManifestFrame>, Vec<TabManifest>) {
    let pieces = pieces(&frames, &winners);
    let mut tabs: BTreeMap<Tab, TabManifest> = BTreeMap::new();
    for ((tab, seq), winner) in winners {
        let entry = tabs.entry(tab.clone()).or_insert_with(|| TabManifest {
            tab,
            span: Interval { from_ms: 0, to_ms: 0 },
            events: 0,
            batches: BTreeMap::new(),
            lost: BTreeMap::new(),
            plan: Vec::new(),
        });
        match winner {
            Winner::Read { batch, .. } => drop(entry.batches.insert(seq, *batch)),
            Winner::Lost { span } => drop(entry.lost.insert(seq, span)),
        }
    }
    let mut kept = Kept {
        frames: frames.into_iter().map(Some).collect(),
        now_at: BTreeMap::new(),
        order: Vec::new(),
    };
    for ((tab, ..), mut piece) in pieces {
        piece.frame = kept.keep(piece.frame);
        if let Some(entry) = tabs.get_mut(&tab) {
            entry.events += u64::from(piece.run.events);
            entry.plan.push(piece);
        }
    }
    for tab in tabs.values_mut() {
        let timed = tab
            .plan
            .iter()
            .filter(|piece| piece.run.from_ms <= piece.run.to_ms);
        let spans = timed.map(|piece| Interval {
            from_ms: piece.run.from_ms,
            to_ms: piece.run.to_ms,
        });
        let lost = tab.lost.values().copied();
        tab.span = spans.chain(lost).reduce(hull).unwrap_or(tab.span);
    }
    (with_addresses(kept.order), tabs.into_values().collect())
}

fn pieces(frames: &[ManifestFrame], winners: &Winners) -> BTreeMap<(Tab, Seq, u32), Piece> {
    let mut pieces = BTreeMap::new();
    for (at, frame) in frames.iter().enumerate() {
        let is_generation = matches!(frame.id, FrameId::Generation { .. });
        let here = if is_generation {
            Source::Generation
        } else {
            Source::Flush(at)
        };
        let described = &frame.described;
        let mut raw_at = 0;
        for run in &described.runs {
            let key = (described.tab.clone(), run.seq);
            let is_read = |winner: &Winner| matches!(winner, Winner::Read { source, .. } if *source == here);
            if winners.get(&key).is_some_and(is_read) {
                let keyframes = described.keyframes.iter().filter(|keyframe| holds(run, keyframe));
                let piece = Piece {
                    frame: at,
                    run: *run,
                    raw_at,
                    keyframes: keyframes.copied().collect(),
                    open_meta: described.open_meta.filter(|meta| holds(run, meta)),
                };
                pieces.insert((key.0, key.1, run.index), piece);
            }
            raw_at += run.raw_bytes;
        }
    }
    pieces
}

fn holds(run: &Run, keyframe: &Keyframe) -> bool {
    keyframe.seq == run.seq && (run.index..run.index.saturating_add(run.events)).contains(&keyframe.index)
}

/// Renumbers the frames that are kept by their first use.
struct Kept {
    frames: Vec<Option<ManifestFrame>>,
    now_at: BTreeMap<usize, usize>,
    order: Vec<ManifestFrame>,
}

impl Kept {
    fn keep(&mut self, at: usize) -> usize {
        if let Some(frame) = self.frames[at].take() {
            self.now_at.insert(at, self.order.len());
            self.order.push(frame);
        }
        self.now_at[&at]
    }
}

/// A frame that tells no address is on the page of the frame before it.
fn with_addresses(mut frames: Vec<ManifestFrame>) -> Vec<ManifestFrame> {
    for at in 1..frames.len() {
        let (before, rest) = frames.split_at_mut(at);
        let (before, frame) = (&before[at - 1].described, &mut rest[0].described);
        if frame.url.is_empty() && frame.tab == before.tab {
            frame.url.clone_from(&before.url);
        }
    }
    frames
}
