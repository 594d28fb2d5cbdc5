//! Which lane may write its small range now: the lanes of a topic take turns, so many a second.
//!
//! What makes small inserts costly is their number (each is a part that ClickHouse merges) and their coming all at once
//! (conversion and sync of all lanes in one burst, then idleness). So lanes with little to do take turns, evenly spread
//! and the longest waiting first; a lane with much to do cuts by bytes and records and needs no turn.
//! **Bound:** a lane with continuous work waits at most [`longest_wait`].

use std::collections::BTreeMap;
use std::time::Duration;

use hindsight_schemas::ids::{Partition, Topic};

use crate::delivery::clock::Moment;

/// When the next turn of each topic is free.
#[derive(Debug, Default)]
pub(super) struct Turns {
    free: BTreeMap<Topic, Moment>,
}

impl Turns {
    /// Gives the turn to the one that has waited longest, `least` at least; `waiting` says of each lane of the topic when
    /// the oldest record came that it could cut. `None` while no turn is free or nobody has waited long enough.
    pub(super) fn take(
        &mut self,
        now: Moment,
        topic: Topic,
        per_second: u32,
        least: Duration,
        waiting: impl Iterator<Item = (Partition, Moment)>,
    ) -> Option<Partition> {
        let free = self.free.entry(topic).or_default();
        if now < *free {
            return None;
        }
        let (longest, since) = waiting.min_by_key(|(_, since)| *since)?;
        if now.saturating_sub(since) < least {
            return None;
        }
        // From when it was free, so that a late look costs no turn; but turns are not saved up.
        let pause = Duration::from_secs(1) / per_second.max(1);
        *free = (*free + pause).max(now);
        Some(longest)
    }
}

/// How long a small range waits at most before it is cut, with so many lanes.
pub fn longest_wait(lanes: u32, ranges_per_second: u32, least: Duration) -> Duration {
    let share = Duration::from_secs(lanes.into()) / ranges_per_second.max(1);
    share.max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_secs(1);

    /// Lanes that get a record every 10 ms are looked at every 10 ms: the waits of their cuts, after the first ones.
    fn waits(lanes: u32, per_second: u32) -> Vec<Duration> {
        let partition = |number| Partition {
            topic: Topic::Recordings,
            partition: number,
        };
        let (mut turns, mut waits) = (Turns::default(), Vec::new());
        let mut oldest: BTreeMap<Partition, Moment> = BTreeMap::new();
        for step in 0..3_000 {
            let now = Duration::from_millis(10 * step);
            for number in 0..lanes {
                oldest.entry(partition(number)).or_insert(now);
            }
            let waiting = oldest.iter().map(|(lane, since)| (*lane, *since));
            if let Some(lane) = turns.take(now, Topic::Recordings, per_second, LEAST, waiting) {
                let since = oldest.remove(&lane).unwrap();
                if step > 1_000 {
                    waits.push(now - since);
                }
            }
        }
        waits
    }

    #[test]
    fn lanes_take_turns_and_none_waits_longer_than_its_share() {
        for (lanes, per_second) in [(1, 6), (6, 6), (8, 6), (18, 6), (8, 1)] {
            let waits = waits(lanes, per_second);
            let longest = longest_wait(lanes, per_second, LEAST) + Duration::from_millis(20);
            assert!(
                waits.iter().all(|wait| (LEAST..=longest).contains(wait)),
                "{lanes}: {waits:?}"
            );
            // 20 s of turns, each used where there are more lanes than turns in the least time.
            let expected = (20.0 / longest.as_secs_f64() * f64::from(lanes)) as usize;
            assert!(
                waits.len().abs_diff(expected) <= 1 + expected / 20,
                "{lanes}: {} of {expected}",
                waits.len()
            );
        }
    }

    #[test]
    fn nobody_waits_no_turn_is_saved_up() {
        let mut turns = Turns::default();
        let lane = |number| Partition {
            topic: Topic::Audit,
            partition: number,
        };
        let mut take = |now_ms, waiting: &[(Partition, Moment)]| {
            let now = Duration::from_millis(now_ms);
            turns.take(now, Topic::Audit, 4, LEAST, waiting.iter().copied())
        };
        let both = [(lane(0), Duration::from_millis(9_000)), (lane(1), Duration::ZERO)];
        assert_eq!(take(9_900, &both[..1]), None, "too young");
        assert_eq!(take(10_000, &both), Some(lane(1)), "the older one");
        assert_eq!(
            take(10_100, &both[..1]),
            Some(lane(0)),
            "turns were free for long: one is made up for"
        );
        assert_eq!(take(10_200, &both), None, "not free yet");
    }

    #[test]
    fn the_more_lanes_the_longer_and_never_less_than_the_least() {
        for (lanes, expected_ms) in [
            (0, 1000),
            (1, 1000),
            (6, 1000),
            (8, 1333),
            (18, 3000),
            (60, 10_000),
        ] {
            assert_eq!(
                longest_wait(lanes, 6, LEAST).as_millis(),
                expected_ms,
                "{lanes} lanes"
            );
        }
        assert_eq!(
            longest_wait(5, 0, LEAST),
            Duration::from_secs(5),
            "a bound of none is one"
        );
    }
}
