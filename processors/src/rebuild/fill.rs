//! Rows on their way into a table that is being filled.
//!
//! **Failure:** an insert of which nobody knows is settled, one that is refused is made again, as often as [`Tries`] says.
//! **Bound:** [`ROWS`] rows, or [`BYTES`] of what they are made of.

use hindsight_engines::analytics::{
    Analytics, ExpectedBlock, InsertError, Query, Settles, expected_blocks, query_rows, settle,
};
use hindsight_engines::failpoint;
use hindsight_schemas::row_binary::Micros;
use jiff::Timestamp;
use serde::Deserialize;

use super::RebuildError;
use super::again::Tries;
use crate::analytics::erase::delete;
use crate::erasure::ErasedSessions;

/// Rows that wait to be inserted together.
const ROWS: usize = 20_000;
/// Bytes of what they are made of.
pub(super) const BYTES: usize = 16 << 20;
/// Sessions that are named in one statement.
const ERASED_AT_ONCE: usize = 1_000;
/// How long a statement over a whole table may take.
pub(super) const LONGEST_S: u64 = 3_600;

/// Collects rows of one table.
pub(super) struct Filler<'a, R> {
    engine: &'a dyn Analytics,
    database: &'a str,
    rows: Vec<R>,
    bytes: usize,
    /// Rows that were inserted.
    pub(super) inserted: u64,
}

impl<'a, R: Settles> Filler<'a, R> {
    pub(super) fn new(engine: &'a dyn Analytics, database: &'a str) -> Self {
        Self {
            engine,
            database,
            rows: Vec::new(),
            bytes: 0,
            inserted: 0,
        }
    }

    /// Adds some that are made of so many bytes, and inserts what waits if that is much.
    pub(super) async fn add(
        &mut self,
        rows: impl IntoIterator<Item = R>,
        bytes: usize,
    ) -> Result<(), RebuildError> {
        self.rows.extend(rows);
        self.bytes += bytes;
        if self.rows.len() >= ROWS || self.bytes >= BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Inserts what waits.
    pub(super) async fn flush(&mut self) -> Result<(), RebuildError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let name = format!("rebuild/{}", self.inserted);
        self.inserted += rows.len() as u64;
        for expected in expected_blocks(self.database, &name, &rows) {
            self.insert(&name, &expected).await?;
        }
        Ok(())
    }

    async fn insert(&self, name: &str, expected: &ExpectedBlock) -> Result<(), RebuildError> {
        let mut tries = Tries::default();
        failpoint::step("rebuild-insert");
        let mut inserted = self.engine.insert(&expected.block).await;
        loop {
            let Err(error) = inserted else {
                return Ok(());
            };
            if matches!(error, InsertError::Rejected { .. }) || !tries.again(&error).await {
                return Err(error.into());
            }
            inserted = match error {
                InsertError::Ambiguous(_) => self.settle(name, expected).await,
                _ => self.engine.insert(&expected.block).await,
            };
        }
    }

    async fn settle(&self, name: &str, expected: &ExpectedBlock) -> Result<(), InsertError> {
        let now = Micros(Timestamp::now().as_microsecond());
        let settled = settle(self.engine, name, std::slice::from_ref(expected), &|_| false, now).await;
        settled
            .map(drop)
            .map_err(|error| InsertError::Ambiguous(error.to_string()))
    }
}

/// Nothing of an erased session stays in these tables.
pub(super) async fn erase(
    engine: &dyn Analytics,
    database: &str,
    tables: &[&str],
    erased: &ErasedSessions,
) -> Result<(), RebuildError> {
    let mut all = erased.all();
    all.sort();
    for of_project in all.chunk_by(|(a, _), (b, _)| a == b) {
        for part in of_project.chunks(ERASED_AT_ONCE) {
            let ids: Vec<_> = part.iter().map(|(_, session)| *session).collect();
            for table in tables {
                let table = format!("{database}.{table}");
                delete(engine, &table, "session_id", part[0].0.as_str(), &ids).await?;
            }
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

/// Copies rows from the table that is read into the one that is filled, where a condition holds: as much of them as
/// there is, since somebody may have altered the table.
pub(super) async fn copy<R: Settles>(
    engine: &dyn Analytics,
    (from, to): (&str, &str),
    condition: &str,
    params: impl FnOnce(Query) -> Query,
) -> Result<(), RebuildError> {
    let there =
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}";
    let there = Query::new(there).param("database", from).param("table", R::TABLE);
    let there: Vec<Column> = query_rows(engine, there).await?;
    let columns = R::COLUMNS
        .iter()
        .filter(|column| there.iter().any(|there| there.name == **column));
    let columns: Vec<String> = columns.map(|column| format!("`{column}`")).collect();
    if columns.is_empty() {
        // The table is gone: it has no rows.
        return Ok(());
    }
    let (columns, table) = (columns.join(", "), R::TABLE);
    let sql = format!(
        "INSERT INTO {to}.{table} ({columns}) SELECT {columns} FROM {from}.{table} FINAL \
         WHERE expires_at > now() AND {condition}"
    );
    let query = Query::new(sql).setting("max_execution_time", LONGEST_S);
    Ok(engine.execute(params(query)).await?)
}
