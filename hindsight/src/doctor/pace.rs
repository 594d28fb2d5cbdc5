//! How long small ranges wait before they are written: it grows with the lanes, so that ClickHouse gets few enough inserts.

use hindsight_processors::analytics::INSERTS_PER_SECOND;
use hindsight_processors::delivery::{CutLimits, longest_wait};

use super::{Finding, Status};

/// Above this, what was accepted may take longer than 3 s until it can be queried and played.
const SHORT_MS: u128 = 2_000;

/// What so many partitions in one process mean.
pub(super) fn small_ranges(partitions: u32) -> Finding {
    let wait = longest_wait(partitions, INSERTS_PER_SECOND, CutLimits::default().age);
    let wait_ms = wait.as_millis();
    let found = format!(
        "with log.partitions = {partitions} small ranges wait up to {}.{} s before they are written",
        wait_ms / 1000,
        wait_ms % 1000 / 100
    );
    if wait_ms <= SHORT_MS {
        return Finding::new("small ranges", Status::Ok, found);
    }
    Finding::new("small ranges", Status::Warn, found).remedy(format!(
        "fewer partitions at the first start (up to {} keep the 3 s), or accept later views",
        SHORT_MS * u128::from(INSERTS_PER_SECOND) / 1000
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_partitions_are_said_to_cost_time() {
        assert_eq!(small_ranges(8).status, Status::Ok);
        assert!(small_ranges(8).found.contains("1.3 s"), "{:?}", small_ranges(8));
        assert_eq!(small_ranges(12).status, Status::Ok);
        let many = small_ranges(64);
        assert_eq!(many.status, Status::Warn);
        assert!(
            many.found.contains("10.6 s") && many.remedy.contains("12"),
            "{many:?}"
        );
    }
}
