//! Whether the new tables have all that the old ones have. **Invariant:** a rebuild that would lose something is refused,
//! with how much and of when. **Bound:** the identities of one table in the engine's memory; [`MOST`] owners.

use hindsight_engines::analytics::{Analytics, Query, query_rows};
use hindsight_schemas::ids::Topic;
use serde::Deserialize;
use uuid::Uuid;

use super::fill::LONGEST_S;
use super::reach::Reach;
use super::{Fresh, RebuildError};
use crate::erasure::ErasedSessions;

/// Sessions or audit events with something missing that are looked at.
const MOST: usize = 100_000;

#[derive(Deserialize)]
struct Missing {
    project: String,
    owner: Uuid,
    count: u64,
    first: String,
    last: String,
}

/// Rows that are missing: how many, and when the first and the last of them were received.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    first: String,
    last: String,
}

/// Compares batches, as far as the lanes had come.
pub(super) async fn compare_recordings(
    engine: &dyn Analytics,
    fresh: &Fresh,
    reach: &Reach,
    erased: &ErasedSessions,
) -> Result<(), RebuildError> {
    let of_sessions = ["project", "session_id", "tab", "seq"];
    let ahead = reach.ahead(Topic::Recordings);
    let batches = missing(engine, fresh, "batches", &of_sessions, &ahead).await?;
    let batches = sum(batches, |project, session| {
        project
            .parse()
            .is_ok_and(|project| erased.contains_uuid(&project, session))
    });
    refuse("batches of recordings", &batches)
}

/// Compares audit events, as far as the lanes had come.
pub(super) async fn compare_audit(
    engine: &dyn Analytics,
    fresh: &Fresh,
    reach: &Reach,
) -> Result<(), RebuildError> {
    let ahead = reach.ahead(Topic::Audit);
    let events = missing(engine, fresh, "audit_events", &["project", "id"], &ahead).await?;
    refuse("audit events", &sum(events, |_, _| false))
}

async fn missing(
    engine: &dyn Analytics,
    fresh: &Fresh,
    table: &str,
    identity: &[&str],
    ahead: &str,
) -> Result<Vec<Missing>, RebuildError> {
    let (columns, owner) = (identity.join(", "), identity[1]);
    let (old, new) = (fresh.current(), fresh.database());
    let sql = format!(
        "SELECT project, {owner} AS owner, count() AS count, toString(min(at)) AS first, toString(max(at)) AS last FROM \
         (SELECT {columns}, received_at AS at FROM {old}.{table} FINAL WHERE expires_at > now() AND NOT {ahead}) AS o \
         LEFT ANTI JOIN (SELECT {columns} FROM {new}.{table}) AS n USING ({columns}) \
         GROUP BY project, {owner} LIMIT {MOST}"
    );
    let query = Query::new(sql).setting("max_execution_time", LONGEST_S);
    Ok(query_rows(engine, query).await?)
}

fn sum(missing: Vec<Missing>, is_erased: impl Fn(&str, Uuid) -> bool) -> Sum {
    let kept = missing
        .into_iter()
        .filter(|missing| !is_erased(&missing.project, missing.owner));
    kept.fold(Sum::default(), |sum, missing| Sum {
        count: sum.count + missing.count,
        first: if sum.count == 0 {
            missing.first
        } else {
            sum.first.min(missing.first)
        },
        last: sum.last.max(missing.last),
    })
}

fn refuse(what: &str, Sum { count, first, last }: &Sum) -> Result<(), RebuildError> {
    if *count == 0 {
        return Ok(());
    }
    Err(RebuildError::WouldLose(format!(
        "{count} {what}, received from {first} to {last}, are in the view and neither in objects nor in the log: they \
         would be lost, so nothing was changed"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(owner: u128, count: u64, first: &str, last: &str) -> Missing {
        Missing {
            project: "shop".into(),
            owner: Uuid::from_u128(owner),
            count,
            first: first.into(),
            last: last.into(),
        }
    }

    #[test]
    fn what_is_missing_is_summed_and_what_is_erased_is_not_missed() {
        let missing = vec![of(1, 2, "b", "c"), of(2, 3, "a", "b"), of(3, 9, "0", "z")];
        let found = sum(missing, |_, owner| owner == Uuid::from_u128(3));
        let expected = Sum {
            count: 5,
            first: "a".into(),
            last: "c".into(),
        };
        assert_eq!(found, expected);
        assert!(refuse("batches", &Sum::default()).is_ok());
        let words = refuse("batches", &found).unwrap_err().to_string();
        assert!(words.starts_with("5 batches, received from a to c,"), "{words}");
    }
}
