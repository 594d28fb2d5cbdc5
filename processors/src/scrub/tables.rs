//! Records in ClickHouse: the rows that a lane would make of each are looked for, by identity and position.

use std::collections::HashMap;

use hindsight_engines::analytics::{
    Analytics, ExpectedRow, FoundRow, QueryError, Settles, catch_up as catch_up_with, find_rows,
};
use hindsight_schemas::row_binary::Row;
use hindsight_schemas::rows::{AuditRow, Batch, RecorderEvent};

use super::outcome::Outcome;
use super::sampled::{Content, Sampled};
use crate::analytics::rows::{audit_row, batch_rows};

/// What a record's rows must be found as.
enum Expected {
    Batch {
        batch: ExpectedRow,
        events: Vec<ExpectedRow>,
    },
    Audit(ExpectedRow),
    /// It makes no rows.
    Nothing,
    Unknown,
}

type Found = HashMap<String, FoundRow>;

/// How each of these stands, in their order.
pub(super) async fn look(
    engine: &dyn Analytics,
    database: &str,
    sampled: &[&Sampled],
) -> Result<Vec<Outcome>, QueryError> {
    let expected: Vec<Expected> = sampled.iter().map(|sampled| expected(sampled)).collect();
    let (mut batches, mut events, mut audit) = (Vec::new(), Vec::new(), Vec::new());
    for expected in &expected {
        match expected {
            Expected::Batch {
                batch,
                events: of_batch,
            } => {
                batches.push(batch.clone());
                events.extend(of_batch.iter().cloned());
            }
            Expected::Audit(event) => audit.push(event.clone()),
            Expected::Nothing | Expected::Unknown => {}
        }
    }
    let batches = find_rows::<Batch>(engine, database, &batches).await?;
    let events = find_rows::<RecorderEvent>(engine, database, &events).await?;
    let audit = find_rows::<AuditRow>(engine, database, &audit).await?;
    let outcomes = expected.iter().map(|expected| match expected {
        Expected::Batch {
            batch,
            events: of_batch,
        } => of_rows(batch, of_batch, &batches, &events),
        Expected::Audit(event) => judge(event, &audit),
        Expected::Nothing => Outcome::Missing,
        Expected::Unknown => Outcome::Unknown,
    });
    Ok(outcomes.collect())
}

/// Where tables are replicated, the replica that is asked has what others were told.
pub(super) async fn catch_up(engine: &dyn Analytics, database: &str) -> Result<(), QueryError> {
    for table in [Batch::TABLE, RecorderEvent::TABLE, AuditRow::TABLE] {
        catch_up_with(engine, &format!("{database}.{table}")).await?;
    }
    Ok(())
}

fn expected(sampled: &Sampled) -> Expected {
    match &sampled.content {
        Content::Batch(batch) => match batch_rows(batch, sampled.position, sampled.appended_at_ms) {
            Ok(rows) => Expected::Batch {
                batch: rows.batch.expected(),
                events: rows.events.iter().map(Settles::expected).collect(),
            },
            Err(_) => Expected::Nothing,
        },
        Content::Audit(event) => {
            let row = audit_row(event, sampled.position);
            row.map_or(Expected::Nothing, |row| Expected::Audit(row.expected()))
        }
        Content::Unreadable => Expected::Nothing,
        Content::Newer => Expected::Unknown,
    }
}

/// Rows of a batch that lost to a twin are not asked for.
fn of_rows(batch: &ExpectedRow, events: &[ExpectedRow], batches: &Found, found: &Found) -> Outcome {
    let of_batch = judge(batch, batches);
    if of_batch != Outcome::Found {
        return of_batch;
    }
    let each = events.iter().map(|event| judge(event, found));
    each.filter(|outcome| outcome.is_loss())
        .min()
        .unwrap_or(Outcome::Found)
}

/// A row at a higher position does not stand for this one: it would have lost.
fn judge(expected: &ExpectedRow, found: &Found) -> Outcome {
    match found.get(&expected.identity) {
        Some(found) if found.times > 1 => Outcome::Twice,
        Some(found) if found.rank == expected.rank => Outcome::Found,
        Some(found) if found.rank < expected.rank => Outcome::Twin,
        _ => Outcome::Missing,
    }
}

#[cfg(test)]
mod tests {
    use hindsight_schemas::row_binary::{Millis, Seconds};
    use uuid::Uuid;

    use super::*;

    fn row(identity: &str) -> ExpectedRow {
        ExpectedRow {
            identity: identity.into(),
            rank: (7, 1),
            project: "demo".into(),
            owner: Uuid::nil(),
            time: Millis(0),
            expires_at: Seconds(0),
        }
    }

    fn found(identity: &str, rank: (u64, u64), times: u64) -> Found {
        HashMap::from([(identity.to_owned(), FoundRow { rank, times })])
    }

    #[test]
    fn the_lowest_position_stands_for_all() {
        let of = |rank, times| judge(&row("a"), &found("a", rank, times));
        assert_eq!(of((7, 1), 1), Outcome::Found);
        assert_eq!(of((6, 3), 1), Outcome::Twin);
        assert_eq!(of((7, 0), 1), Outcome::Twin, "the lower partition wins a tie");
        assert_eq!(of((7, 2), 1), Outcome::Missing);
        assert_eq!(of((8, 0), 1), Outcome::Missing);
        assert_eq!(of((7, 1), 2), Outcome::Twice);
        assert_eq!(judge(&row("a"), &found("b", (7, 1), 1)), Outcome::Missing);
    }

    #[test]
    fn a_batch_is_there_with_all_its_events_or_not() {
        let whole = found("batch", (7, 1), 1);
        let events = [row("event")];
        let of = |batches: &Found, found: &Found| of_rows(&row("batch"), &events, batches, found);
        assert_eq!(of(&whole, &found("event", (7, 1), 1)), Outcome::Found);
        assert_eq!(
            of(&whole, &Found::new()),
            Outcome::Missing,
            "an event is not there"
        );
        let twin = found("batch", (3, 1), 1);
        assert_eq!(
            of(&twin, &Found::new()),
            Outcome::Twin,
            "its events are the twin's affair"
        );
    }
}
