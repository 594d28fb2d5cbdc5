//! What the edge counts of what it took in; `docs/metrics.md` says what each means.
//!
//! **Invariant:** records are counted where the log answered, so kept and unconfirmed together are all that was handed
//! to it. What may be counted one day is there with 0 from the start, or its first occurrence would be no increase.

use std::time::Duration;

use hindsight_engines::log::AppendError;
use hindsight_policy::Project;
use hindsight_schemas::audit::Outcome;
use hindsight_schemas::ids::{ProjectId, Topic};
use metrics::Counter;

/// How the log can answer; the outer error: it didn't, within the bound.
pub(crate) type Answered<T> = Result<Result<T, AppendError>, tokio::time::error::Elapsed>;

/// Shows all counters of a project that is served.
pub(crate) fn declare(project: &Project) {
    for topic in [Topic::Recordings, Topic::Audit] {
        records(topic, "kept").increment(0);
        records(topic, "unconfirmed").increment(0);
    }
    for outcome in [Outcome::Success, Outcome::Failure] {
        audit_outcomes(&project.id, outcome).increment(0);
    }
}

/// Counts an append, and how long its request waited for the log.
pub(crate) fn appended<T>(topic: Topic, count: usize, took: Duration, answered: &Answered<T>) {
    metrics::histogram!("hindsight_edge_append_seconds").record(took.as_secs_f64());
    match answered {
        Ok(Ok(_)) => records(topic, "kept").increment(count as u64),
        // Known to be refused: the sender's doing, answered 413.
        Ok(Err(AppendError::TooLarge { .. })) => {}
        Ok(Err(_)) | Err(_) => {
            records(topic, "unconfirmed").increment(count as u64);
            metrics::counter!("hindsight_edge_append_failures_total").increment(1);
        }
    }
}

/// Counts a batch that was kept.
pub(crate) fn batch(project: &ProjectId, events: usize, raw_bytes: usize) {
    metrics::counter!("hindsight_edge_batches_total", "project" => project.to_string()).increment(1);
    metrics::counter!("hindsight_edge_raw_bytes_total", "project" => project.to_string())
        .increment(raw_bytes as u64);
    count_events(project, "recording", events);
}

/// Counts audit events that were kept, and how many of the operations that they tell of had failed.
pub(crate) fn audit(project: &ProjectId, events: usize, failures: usize) {
    count_events(project, "audit", events);
    audit_outcomes(project, Outcome::Failure).increment(failures as u64);
    audit_outcomes(project, Outcome::Success).increment((events - failures) as u64);
}

fn count_events(project: &ProjectId, kind: &'static str, events: usize) {
    metrics::counter!("hindsight_edge_events_total", "project" => project.to_string(), "kind" => kind)
        .increment(events as u64);
}

fn records(topic: Topic, outcome: &'static str) -> Counter {
    metrics::counter!("hindsight_edge_records_total", "topic" => topic.as_str(), "outcome" => outcome)
}

fn audit_outcomes(project: &ProjectId, outcome: Outcome) -> Counter {
    let labels = [
        ("project", project.to_string()),
        ("outcome", outcome.as_str().to_owned()),
    ];
    metrics::counter!("hindsight_edge_audit_outcomes_total", &labels)
}
