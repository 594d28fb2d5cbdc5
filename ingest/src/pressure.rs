//! Which capture level a recorder is told to go on with.
//!
//! The edge itself sheds nothing: an accepted batch is kept whole. Under pressure the answer names a lower level, the
//! recorder sends less and reports what it left out as `hindsight.gap`. Pressure is the share of the byte budget that
//! is in flight. Business events and audit (L0) are never asked to stop, and neither is page structure (L1), without
//! which nothing plays.

use hindsight_policy::Level;

/// From which share of the budget in flight, in percent, which level is the highest.
const STEPS: &[(usize, Level)] = &[(90, Level::L1), (75, Level::L2), (60, Level::L3)];

/// The level to go on with, where the project records at `wanted`; counted where it is a lower one.
pub(crate) fn level(wanted: Level, in_flight_percent: usize) -> Level {
    let step = STEPS.iter().find(|(percent, _)| in_flight_percent >= *percent);
    let level = step.map_or(wanted, |(_, most)| wanted.min(*most));
    if level < wanted {
        metrics::counter!("hindsight_edge_levels_lowered_total", "level" => level.as_str()).increment(1);
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_lowers_a_level_and_never_raises_one() {
        let levels = |wanted| [0, 59, 60, 75, 90, 100].map(|percent| level(wanted, percent));
        use Level::{L0, L1, L2, L3, L4};
        assert_eq!(levels(L4), [L4, L4, L3, L2, L1, L1]);
        assert_eq!(levels(L2), [L2, L2, L2, L2, L1, L1]);
        assert_eq!(levels(L0), [L0; 6]);
    }
}
