//! Cuts the events of a tab into batches, always the same way.
//!
//! A batch ends before a keyframe (Meta followed by FullSnapshot), before it would pass [`MAX_EVENTS`] or
//! [`MAX_BYTES`]; so a keyframe begins its batch, and one that is larger than the bound stands alone.

use std::ops::Range;

use super::{FULL_SNAPSHOT, KeptEvent, META, Tab};

/// Raw bytes of a batch; only a single larger event or keyframe passes it.
const MAX_BYTES: usize = 1 << 20;
/// Events of a batch.
const MAX_EVENTS: usize = 500;

/// The ranges of a tab's events that make its batches: in order, without gaps, none empty.
pub(crate) fn batches(tab: &Tab) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, event) in tab.events.iter().enumerate() {
        let size = event.text.get().len() + 1;
        let full = index - start >= MAX_EVENTS || bytes + size > MAX_BYTES;
        let mid_keyframe = index == start + 1 && is_keyframe_at(&tab.events, start);
        if index > start && !mid_keyframe && (full || is_keyframe_at(&tab.events, index)) {
            ranges.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < tab.events.len() {
        ranges.push(start..tab.events.len());
    }
    ranges
}

fn is_keyframe_at(events: &[KeptEvent], index: usize) -> bool {
    events[index].kind == META
        && events
            .get(index + 1)
            .is_some_and(|next| next.kind == FULL_SNAPSHOT)
}

/// The body of a batch: one event a line.
pub(crate) fn body(events: &[KeptEvent]) -> Vec<u8> {
    let mut body = Vec::with_capacity(events.iter().map(|event| event.text.get().len() + 1).sum());
    for event in events {
        body.extend_from_slice(event.text.get().as_bytes());
        body.push(b'\n');
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn event(kind: u8, size: usize) -> KeptEvent {
        let text = RawValue::from_string(format!("\"{}\"", "x".repeat(size))).unwrap();
        KeptEvent { kind, at_ms: 0, text }
    }

    fn tab(events: &[(u8, usize)]) -> Tab {
        let events = events.iter().map(|&(kind, size)| event(kind, size)).collect();
        Tab {
            window: String::new(),
            events,
        }
    }

    #[test]
    fn a_keyframe_begins_its_batch_and_a_huge_one_stands_alone() {
        let cut = batches(&tab(&[
            (1, 9),
            (4, 9),
            (2, 9),
            (3, 9),
            (4, 9),
            (2, MAX_BYTES),
            (3, 9),
        ]));
        assert_eq!(cut, [0..1, 1..4, 4..6, 6..7]);
    }

    proptest! {
        #[test]
        fn batches_cover_everything_once_within_the_bounds(
            events in proptest::collection::vec((0u8..6, prop_oneof![1usize..100, 200_000usize..300_000]), 0..60)
        ) {
            let tab = tab(&events);
            let mut next = 0;
            for range in batches(&tab) {
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end > range.start);
                let size = body(&tab.events[range.clone()]).len();
                prop_assert!(size <= MAX_BYTES || range.len() <= 2);
                next = range.end;
            }
            prop_assert_eq!(next, tab.events.len());
        }
    }
}
