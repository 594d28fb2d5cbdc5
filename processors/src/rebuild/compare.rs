//! Whether the new tables have all that the old ones have. **Invariant:** a rebuild that would lose something is refused,
//! with how much and of when. **Bound:** the identities of one table in the engine's memory; [`PAGE`] owners at a time.

use hindsight_engines::analytics::{Analytics, Query, query_rows};
use hindsight_schemas::ids::Topic;
use serde::Deserialize;
use uuid::Uuid;

use super::fill::LONGEST_S;
use super::reach::Reach;
use super::{Fresh, RebuildError};
use crate::erasure::ErasedSessions;

/// Sessions or audit events with something missing that are looked at together.
const PAGE: usize = 50_000;

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

/// What is compared.
struct Compared<'a> {
    table: &'a str,
    /// What makes a row the same; of these columns the first is the project, the second whose it is.
    identity: &'a [&'a str],
    /// When it came.
    at: &'a str,
    /// Rows that need not be in the new table.
    aside: String,
}

/// Compares batches, as far as the lanes had come.
pub(super) async fn compare_recordings(
    engine: &dyn Analytics,
    fresh: &Fresh,
    reach: &Reach,
    erased: &ErasedSessions,
) -> Result<(), RebuildError> {
    let batches = Compared {
        table: "batches",
        identity: &["project", "session_id", "tab", "seq"],
        at: "received_at",
        aside: reach.ahead(Topic::Recordings),
    };
    let missing = missing(engine, fresh, &batches, of_session(erased)).await?;
    refuse("batches of recordings, received", &missing)
}

/// Compares audit events, as far as the lanes had come.
pub(super) async fn compare_audit(
    engine: &dyn Analytics,
    fresh: &Fresh,
    reach: &Reach,
) -> Result<(), RebuildError> {
    let events = Compared {
        table: "audit_events",
        identity: &["project", "id"],
        at: "received_at",
        aside: reach.ahead(Topic::Audit),
    };
    let missing = missing(engine, fresh, &events, |_, _| false).await?;
    refuse("audit events, received", &missing)
}

/// Compares which sessions the replay index names, and which of them in one object.
pub(super) async fn compare_sessions(
    engine: &dyn Analytics,
    fresh: &Fresh,
    erased: &ErasedSessions,
) -> Result<(), RebuildError> {
    let sessions = Compared {
        table: "segments",
        identity: &["project", "session_id", "generation > 0 AS closed"],
        at: "started_at",
        aside: "0".into(),
    };
    let missing = missing(engine, fresh, &sessions, of_session(erased)).await?;
    refuse("sessions, begun", &missing)
}

fn of_session(erased: &ErasedSessions) -> impl Fn(&str, Uuid) -> bool {
    |project, session| {
        project
            .parse()
            .is_ok_and(|project| erased.contains_uuid(&project, session))
    }
}

async fn missing(
    engine: &dyn Analytics,
    fresh: &Fresh,
    compared: &Compared<'_>,
    is_erased: impl Fn(&str, Uuid) -> bool,
) -> Result<Sum, RebuildError> {
    let mut sum = Sum::default();
    if !fresh.has(compared.table) {
        // It is gone: it has nothing that could be missing.
        return Ok(sum);
    }
    let sql = compared.sql(fresh);
    let mut after = (String::new(), Uuid::nil());
    loop {
        let query = Query::new(sql.clone())
            .setting("max_execution_time", LONGEST_S)
            .param("project", &after.0)
            .param("owner", after.1);
        let page: Vec<Missing> = query_rows(engine, query).await?;
        let is_last = page.len() < PAGE;
        if let Some(last) = page.last() {
            after = (last.project.clone(), last.owner);
        }
        sum.add(page, &is_erased);
        if is_last {
            return Ok(sum);
        }
    }
}

impl Compared<'_> {
    fn sql(&self, fresh: &Fresh) -> String {
        let Self {
            table,
            identity,
            at,
            aside,
        } = self;
        let (columns, owner) = (identity.join(", "), identity[1]);
        let names: Vec<&str> = identity
            .iter()
            .map(|column| column.rsplit_once(" AS ").map_or(*column, |(_, name)| name))
            .collect();
        let (names, old, new) = (names.join(", "), fresh.current(), fresh.database());
        format!(
            "SELECT project, {owner} AS owner, count() AS count, toString(min(at)) AS first, toString(max(at)) AS last \
             FROM (SELECT {columns}, min({at}) AS at FROM {old}.{table} WHERE expires_at > now() AND NOT {aside} \
             GROUP BY {names}) AS o \
             LEFT ANTI JOIN (SELECT {columns} FROM {new}.{table}) AS n USING ({names}) \
             WHERE (project, owner) > ({{project:String}}, {{owner:UUID}}) \
             GROUP BY project, owner ORDER BY project, owner LIMIT {PAGE}"
        )
    }
}

impl Sum {
    fn add(&mut self, missing: Vec<Missing>, is_erased: impl Fn(&str, Uuid) -> bool) {
        for missing in missing {
            if is_erased(&missing.project, missing.owner) {
                continue;
            }
            if self.count == 0 || missing.first < self.first {
                self.first = missing.first;
            }
            self.count += missing.count;
            self.last = std::mem::take(&mut self.last).max(missing.last);
        }
    }
}

fn refuse(what: &str, Sum { count, first, last }: &Sum) -> Result<(), RebuildError> {
    if *count == 0 {
        return Ok(());
    }
    Err(RebuildError::WouldLose(format!(
        "{count} {what} from {first} to {last}, are in the view and neither in objects nor in the log: they \
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
        let mut found = Sum::default();
        let is_erased = |_: &str, owner| owner == Uuid::from_u128(3);
        found.add(vec![of(1, 2, "b", "c"), of(3, 9, "0", "z")], is_erased);
        found.add(vec![of(2, 3, "a", "b")], is_erased);
        let expected = Sum {
            count: 5,
            first: "a".into(),
            last: "c".into(),
        };
        assert_eq!(found, expected);
        assert!(refuse("batches, received", &Sum::default()).is_ok());
        let words = refuse("batches, received", &found).unwrap_err().to_string();
        assert!(words.starts_with("5 batches, received from a to c,"), "{words}");
    }
}
