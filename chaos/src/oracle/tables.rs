//! ClickHouse's tables as they lie there, without `FINAL`: which identity has rows of which positions, and how often.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use hindsight_schemas::ddl::Dialect;

use super::Findings;
use super::truth::{Truth, VIEW_GENERATION};
use crate::engines::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER};

const BATCH: &str = "concat(project, '/', toString(session_id), '/', tab, '/', toString(seq))";
const AUDIT: &str = "concat(project, '/', toString(id))";
/// Tables that lanes insert into.
const WRITTEN: [&str; 4] = ["batches", "recorder_events", "audit_events", "segments"];

/// A ClickHouse server, asked beneath everything.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Its HTTP interface.
    pub url: String,
    client: reqwest::Client,
}

impl Tables {
    /// Of the server at this address.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.into(),
            client: reqwest::Client::new(),
        }
    }

    /// The answer of a statement, as TSV.
    pub async fn ask(&self, statement: &str) -> anyhow::Result<String> {
        let request = self
            .client
            .post(&self.url)
            .body(format!("{statement} FORMAT TSV"));
        let answer = request
            .basic_auth(CLICKHOUSE_USER, Some(CLICKHOUSE_PASSWORD))
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("clickhouse: {status} {text}");
        }
        Ok(text)
    }

    /// Has it forget which inserts it took: a window of none, then the one that roles ask for at their start.
    pub async fn forget_tokens(&self) -> anyhow::Result<()> {
        const WINDOW: &str = "non_replicated_deduplication_window";
        let mut settings = Dialect::Embedded.table_settings().iter();
        let kept = settings.find(|(name, _)| *name == WINDOW);
        let (_, kept) = kept.context("tables are made with a window")?;
        for table in WRITTEN {
            for window in ["0", kept] {
                self.ask(&format!(
                    "ALTER TABLE hindsight_g{VIEW_GENERATION}.{table} MODIFY SETTING {WINDOW} = {window}"
                ))
                .await?;
            }
        }
        Ok(())
    }

    /// Compares every table with the log.
    pub(super) async fn compare(&self, truth: &Truth, findings: &mut Findings) -> anyhow::Result<()> {
        let batches = self.rows("batches", BATCH, "", "hindsight.recordings").await?;
        of_batches("table batches", &batches, truth, findings);
        let events = self
            .rows("recorder_events", BATCH, ", `index`", "hindsight.recordings")
            .await?;
        of_batches("table recorder_events", &events, truth, findings);
        let audit = self.rows("audit_events", AUDIT, "", "hindsight.audit").await?;
        held("table audit_events", &audit, truth.audit(), |_| false, findings);
        let batches = self
            .rows("batches FINAL", BATCH, "", "hindsight.recordings")
            .await?;
        won("batches FINAL", &batches, truth.batches(), findings);
        let audit = self
            .rows("audit_events FINAL", AUDIT, "", "hindsight.audit")
            .await?;
        won("audit_events FINAL", &audit, truth.audit(), findings);
        Ok(())
    }

    /// (identity, place) of each row, and the greatest number of rows of one of them; `within` tells the rows of one
    /// record apart.
    async fn rows(
        &self,
        table: &str,
        identity: &str,
        within: &str,
        topic: &str,
    ) -> anyhow::Result<BTreeMap<(String, String), u64>> {
        let statement = format!(
            "SELECT who, place, max(times) FROM (SELECT {identity} AS who, concat(toString(log_id), '/{topic}/', \
             toString(log_partition), '/', toString(log_offset)) AS place{within}, count() AS times \
             FROM hindsight_g{VIEW_GENERATION}.{table} GROUP BY ALL) GROUP BY ALL"
        );
        let text = self.ask(&statement).await?;
        text.lines().map(row).collect()
    }
}

fn row(line: &str) -> anyhow::Result<((String, String), u64)> {
    let mut columns = line.split('\t');
    let mut next = || columns.next().with_context(|| format!("a short row: {line}"));
    Ok(((next()?.to_owned(), next()?.to_owned()), next()?.parse()?))
}

fn of_batches(name: &str, rows: &BTreeMap<(String, String), u64>, truth: &Truth, findings: &mut Findings) {
    held(
        name,
        rows,
        truth.batches(),
        |identity| truth.is_erased(identity),
        findings,
    );
}

/// The winner's rows are there, each row once, none of a position that the log does not have.
pub(super) fn held<'a>(
    name: &str,
    rows: &BTreeMap<(String, String), u64>,
    known: impl Iterator<Item = (&'a String, &'a super::truth::Known)>,
    is_erased: impl Fn(&str) -> bool,
    findings: &mut Findings,
) {
    let known: BTreeMap<_, _> = known.collect();
    for (identity, known) in &known {
        let winner = ((*identity).clone(), known.winner());
        if !rows.contains_key(&winner) {
            findings.missing(format_args!("{winner:?} in {name}"));
        }
    }
    for ((identity, place), times) in rows {
        if *times > 1 {
            findings.double(format_args!("{identity} of {place} in {name}, {times} times"));
        }
        let Some(known) = known.get(identity) else {
            let why = if is_erased(identity) {
                "is erased"
            } else {
                "is not in the log"
            };
            findings.odd(format_args!("{identity} of {place} in {name}, which {why}"));
            continue;
        };
        if !known.is_at(place) {
            findings.odd(format_args!(
                "{identity} in {name} of {place}, where it does not lie"
            ));
        }
    }
}

/// What readers get of an identity is of its lowest offset.
fn won<'a>(
    name: &str,
    rows: &BTreeMap<(String, String), u64>,
    known: impl Iterator<Item = (&'a String, &'a super::truth::Known)>,
    findings: &mut Findings,
) {
    let known: BTreeMap<_, _> = known.collect();
    for (identity, place) in rows.keys() {
        if known.get(identity).is_some_and(|known| !known.wins(place)) {
            findings.odd(format_args!("{identity} in {name} of {place}, which lost"));
        }
    }
}

#[cfg(test)]
mod tests {
    use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};
    use uuid::Uuid;

    use super::super::truth::{Known, place};
    use super::*;

    fn at(partition: u32, offset: Offset) -> Position {
        Position {
            log_id: LogId(Uuid::nil()),
            partition: Partition {
                topic: Topic::Recordings,
                partition,
            },
            offset,
        }
    }

    /// One batch that lies at 0/3, 0/7 and 1/2, and rows of it at these places, each so often.
    fn found(rows: &[(Position, u64)]) -> (u64, u64, u64) {
        let known = Known::at(vec![at(0, 3), at(0, 7), at(1, 2)]);
        let identity = "demo/session/tab/0".to_owned();
        let row = |(position, times): &(Position, u64)| ((identity.clone(), place(position)), *times);
        let mut findings = Findings::default();
        held(
            "a table",
            &rows.iter().map(row).collect(),
            [(&identity, &known)].into_iter(),
            |_| false,
            &mut findings,
        );
        (findings.missing, findings.double, findings.odd)
    }

    #[test]
    fn the_lowest_position_has_to_be_there_and_each_row_once() {
        assert_eq!(found(&[(at(1, 2), 1)]), (0, 0, 0));
        assert_eq!(
            found(&[(at(1, 2), 1), (at(0, 3), 1)]),
            (0, 0, 0),
            "a twin may stay"
        );
        assert_eq!(found(&[(at(0, 3), 1)]), (1, 0, 0), "another won");
        assert_eq!(found(&[(at(1, 2), 2)]), (0, 1, 0), "rows twice");
        assert_eq!(
            found(&[(at(1, 2), 1), (at(0, 4), 1)]),
            (0, 0, 1),
            "not of the log"
        );
    }

    #[test]
    fn rows_of_what_the_log_does_not_have_are_odd() {
        let rows = BTreeMap::from([(("demo/other/tab/0".to_owned(), place(&at(0, 3))), 1)]);
        let mut findings = Findings::default();
        held("a table", &rows, std::iter::empty(), |_| true, &mut findings);
        assert_eq!(findings.odd, 1);
        assert!(findings.to_string().contains("erased"), "{findings}");
    }

    #[test]
    fn what_readers_get_is_of_the_lowest_offset() {
        let known = Known::at(vec![at(0, 3), at(0, 7), at(1, 3)]);
        let identity = "demo/session/tab/0".to_owned();
        let lost = |position| {
            let rows = BTreeMap::from([((identity.clone(), place(&position)), 1)]);
            let mut findings = Findings::default();
            won("a table", &rows, [(&identity, &known)].into_iter(), &mut findings);
            findings.odd
        };
        assert_eq!((lost(at(0, 3)), lost(at(1, 3)), lost(at(0, 7))), (0, 0, 1));
    }

    #[test]
    fn search_keeps_the_lowest_of_one_partition() {
        let known = Known::at(vec![at(0, 3), at(0, 7), at(1, 2)]);
        let may = |position| known.may_be_first(&place(&position));
        assert!(may(at(0, 3)) && may(at(1, 2)));
        assert!(!may(at(0, 7)) && !may(at(0, 4)));
    }
}
