//! How long small ranges wait, so that all lanes of a topic together write so many ranges a second at most.
//!
//! What makes small inserts costly is their number (each is a part that ClickHouse merges), so lanes with little to do
//! take turns; a lane with much to do cuts by bytes and records and never waits.

use std::time::Duration;

/// The age at which a range is cut.
pub(super) fn cut_age(lanes: u32, ranges_per_second: u32, least: Duration) -> Duration {
    let share = Duration::from_secs(lanes.into()) / ranges_per_second.max(1);
    share.max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_lanes_the_longer_and_never_less_than_the_least() {
        let least = Duration::from_secs(1);
        for (lanes, expected_ms) in [
            (0, 1000),
            (1, 1000),
            (6, 1000),
            (8, 1333),
            (18, 3000),
            (60, 10_000),
        ] {
            assert_eq!(cut_age(lanes, 6, least).as_millis(), expected_ms, "{lanes} lanes");
        }
        assert_eq!(
            cut_age(5, 0, least),
            Duration::from_secs(5),
            "a bound of none is one"
        );
    }
}
