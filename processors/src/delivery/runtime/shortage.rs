//! Whose records are cut when the memory of a view is used up. Pure.
//!
//! What was converted takes less, so cutting makes room. If all cut what they have, all ranges are small and are written
//! together; so those with most waiting cut, and the others go on filling until it is their turn.

use std::cmp::Reverse;

use hindsight_schemas::ids::Partition;

/// The lanes with most waiting, so many at most, each with more than `least` bytes.
pub(super) fn largest(
    waiting: impl Iterator<Item = (Partition, usize)>,
    least: usize,
    most: usize,
) -> Vec<Partition> {
    let mut waiting: Vec<_> = waiting.filter(|(_, bytes)| *bytes > least).collect();
    waiting.sort_unstable_by_key(|(_, bytes)| Reverse(*bytes));
    waiting
        .into_iter()
        .take(most)
        .map(|(partition, _)| partition)
        .collect()
}

#[cfg(test)]
mod tests {
    use hindsight_schemas::ids::Topic;

    use super::*;

    #[test]
    fn the_largest_cut_and_the_small_ones_go_on_filling() {
        let lane = |partition| Partition {
            topic: Topic::Recordings,
            partition,
        };
        let of = |least, most| {
            let waiting = [0, 30, 10, 40].into_iter().zip(0..);
            largest(waiting.map(|(bytes, number)| (lane(number), bytes)), least, most)
        };
        assert_eq!(of(0, 2), [lane(3), lane(1)]);
        assert_eq!(of(0, 9), [lane(3), lane(1), lane(2)], "nothing is not cut");
        assert_eq!(of(30, 9), [lane(3)]);
        assert_eq!(of(0, 0), []);
    }
}
