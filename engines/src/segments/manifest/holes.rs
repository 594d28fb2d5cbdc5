//! What a session lacks: numbers that never came or can't be read, and time in which nobody did anything.

use std::collections::BTreeMap;

use hindsight_schemas::ids::{FIRST_CLOCKED, Seq};

use super::{Gap, GapReason, INACTIVE_MS, ManifestFrame, TabManifest};
use crate::segments::format::Interval;

/// The numbers from 0 on that a tab lacks: those that never came, and those that can't be read. Of clocked numbers
/// nobody can tell which never came.
pub(super) fn gaps(tab: &TabManifest) -> Vec<Gap> {
    let lost = tab.lost.iter().map(|(seq, span)| (*seq, (*span, false)));
    let present = tab.batches.iter().map(|(seq, batch)| {
        let span = Interval {
            from_ms: batch.first_at_ms,
            to_ms: batch.last_at_ms,
        };
        (*seq, (span, true))
    });
    let known: BTreeMap<Seq, (Interval, bool)> = lost.chain(present).collect();

    let mut gaps: Vec<Gap> = Vec::new();
    let mut next: Seq = 0;
    let mut before: Option<Interval> = None;
    for (seq, (span, readable)) in known {
        if seq > next && seq < FIRST_CLOCKED {
            gaps.push(Gap {
                reason: GapReason::Missing,
                tab: tab.tab.clone(),
                seq_from: next,
                seq_to: seq - 1,
                from_ms: before.map(|before| before.to_ms),
                to_ms: Some(span.from_ms),
            });
        }
        if !readable {
            add_unreadable(&mut gaps, tab, seq, span);
        }
        next = seq.saturating_add(1);
        before = Some(span);
    }
    gaps
}

/// Neighbours that can't be read are one gap.
fn add_unreadable(gaps: &mut Vec<Gap>, tab: &TabManifest, seq: Seq, span: Interval) {
    match gaps.last_mut() {
        Some(last) if last.reason == GapReason::Unreadable && last.seq_to.saturating_add(1) == seq => {
            last.seq_to = seq;
            last.from_ms = last.from_ms.map(|from_ms| from_ms.min(span.from_ms));
            last.to_ms = last.to_ms.map(|to_ms| to_ms.max(span.to_ms));
        }
        _ => gaps.push(Gap {
            reason: GapReason::Unreadable,
            tab: tab.tab.clone(),
            seq_from: seq,
            seq_to: seq,
            from_ms: Some(span.from_ms),
            to_ms: Some(span.to_ms),
        }),
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
