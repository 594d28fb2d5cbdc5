//! Which records are looked at. Pure.
//!
//! Half of the samples lie anywhere in what is kept, half near the end of what the views have passed. How near is not
//! known beforehand: a store that was put back to an older state lacks what came between the backup and the restore. So
//! the logarithm of the distance is uniform, and the last minute is hit as often as the last hour and the last week.

use std::ops::Range;

use fastrand::Rng;
use hindsight_schemas::ids::Offset;

/// A sample of so many offsets, all within those that may be asked for; none where there are none.
pub(super) fn choose(random: &mut Rng, passed: Range<Offset>, records: u64) -> Option<Range<Offset>> {
    let kept = passed.end.saturating_sub(passed.start);
    let size = kept.min(records);
    if size == 0 {
        return None;
    }
    let room = kept - size;
    let from_end = if random.bool() {
        random.u64(..=room)
    } else {
        near(random.f64(), room)
    };
    let to = passed.end - from_end;
    Some(to - size..to)
}

/// A distance from 0 to `room`, its logarithm uniform as `share` is.
fn near(share: f64, room: u64) -> u64 {
    let distance = ((room as f64 + 1.0).ln() * share).exp() - 1.0;
    (distance as u64).min(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_lies_within_what_may_be_asked_for() {
        let mut random = Rng::with_seed(21);
        for _ in 0..10_000 {
            let start = random.u64(..1_000);
            let kept = random.u64(..3) * random.u64(..500);
            let records = random.u64(..100);
            let chosen = choose(&mut random, start..start + kept, records);
            let size = kept.min(records);
            match chosen {
                None => assert_eq!(size, 0),
                Some(chosen) => {
                    assert_eq!(chosen.end - chosen.start, size);
                    assert!(chosen.start >= start && chosen.end <= start + kept, "{chosen:?}");
                }
            }
        }
        let passed = Range { start: 9, end: 3 };
        assert_eq!(
            choose(&mut random, passed, 5),
            None,
            "a commit before the log's start"
        );
    }

    #[test]
    fn the_end_is_hit_often_and_everything_sometimes() {
        const KEPT: u64 = 1_000_000;
        let mut random = Rng::with_seed(22);
        let mut bands = [0; 4];
        for _ in 0..4_000 {
            let chosen = choose(&mut random, 0..KEPT, 10).unwrap();
            let band = match KEPT - chosen.end {
                ..100 => 0,
                100..10_000 => 1,
                10_000..500_000 => 2,
                _ => 3,
            };
            bands[band] += 1;
        }
        assert!(bands.iter().all(|hits| *hits > 400), "{bands:?}");
    }

    #[test]
    fn distances_begin_at_none_and_end_at_the_room() {
        assert_eq!((near(0.0, 99), near(1.0, 99), near(0.5, 99)), (0, 99, 9));
        assert!(near(1.0, u64::MAX) > u64::MAX / 2, "rounded, and within");
    }
}
