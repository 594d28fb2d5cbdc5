//! What a session lacks: numbers that never came or can't be read, and time in which nobody did anything.

use std::collections::BTreeMap;

use hindsight_schemas::ids::Seq;

use super::{Gap, INACTIVE_MS, ManifestFrame, TabManifest};
use crate::segments::format::{Batch, Interval};

/// The numbers from 0 on that a tab lacks. `lost` are batches that are known and can't be read.
pub(super) fn gaps(tab: &TabManifest, lost: &[Batch]) -> Vec<Gap> {
    let lost = lost
        .iter()
        .filter(|batch| batch.tab == tab.tab)
        .map(|batch| (batch.seq, None));
    let present = tab.batches.iter().map(|(seq, batch)| (*seq, Some(batch)));
    let known: BTreeMap<Seq, Option<&Batch>> = lost.chain(present).collect();

    let mut gaps: Vec<Gap> = Vec::new();
    let mut next: Seq = 0;
    let mut before: Option<&Batch> = None;
    for (seq, batch) in &known {
        if let Some(batch) = batch {
            if *seq > next {
                gaps.push(gap(tab, next, seq - 1, before, Some(batch)));
            }
            next = seq.saturating_add(1);
            before = Some(batch);
        }
    }
    if let Some((last, None)) = known.last_key_value() {
        gaps.push(gap(tab, next, *last, before, None));
    }
    gaps
}

fn gap(tab: &TabManifest, seq_from: Seq, seq_to: Seq, before: Option<&Batch>, behind: Option<&Batch>) -> Gap {
    let from_ms = before.map(|batch| batch.last_at_ms);
    Gap {
        tab: tab.tab.clone(),
        seq_from,
        seq_to,
        from_ms,
        to_ms: behind.map(|batch| batch.first_at_ms),
    }
}

/// What no frame's activity covers.
pub(super) fn inactive(span: Interval, frames: &[ManifestFrame]) -> Vec<Interval> {
    let mut active: Vec<Interval> = frames
        .iter()
        .flat_map(|frame| frame.described.active.iter().copied())
        .collect();
    active.sort_by_key(|interval| interval.from_ms);
    active.push(Interval {
        from_ms: span.to_ms,
        to_ms: span.to_ms,
    });
    let mut inactive = Vec::new();
    let mut from_ms = span.from_ms;
    for interval in active {
        if interval.from_ms.saturating_sub(from_ms) >= INACTIVE_MS {
            inactive.push(Interval {
                from_ms,
                to_ms: interval.from_ms,
            });
        }
        from_ms = from_ms.max(interval.to_ms);
    }
    inactive
}
