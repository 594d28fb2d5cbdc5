//! The scrubber's metrics; what may be counted one day is there with 0 from the start.

use std::time::Duration;

use jiff::Timestamp;

use super::outcome::{Outcome, Tally, View};

pub(super) fn declare() {
    for view in View::ALL {
        for outcome in Outcome::ALL {
            records(view, outcome, 0);
        }
    }
}

/// One look is over.
pub(super) fn looked(tally: &Tally, took: Duration) {
    for (view, outcome, count) in tally.each() {
        records(view, outcome, count);
    }
    metrics::histogram!("hindsight_scrub_seconds").record(took.as_secs_f64());
    if tally.sum(|outcome| outcome == Outcome::Unknown) == 0 {
        metrics::gauge!("hindsight_scrub_completed_timestamp_seconds")
            .set(Timestamp::now().as_second() as f64);
    }
}

fn records(view: View, outcome: Outcome, count: u64) {
    metrics::counter!(
        "hindsight_scrub_records_total",
        "view" => view.as_str(),
        "outcome" => outcome.as_str()
    )
    .increment(count);
}
