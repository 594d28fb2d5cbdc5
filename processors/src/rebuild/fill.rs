//! Rows on their way into a table that is being filled.
//!
//! **Failure:** an insert of which nobody knows is settled, [`TRIES`] times; what the engine rejects ends the rebuild.
//! **Bound:** [`ROWS`] rows.

use std::time::Duration;

use hindsight_engines::analytics::{
    Analytics, ExpectedBlock, InsertError, Query, Settles, expected_blocks, query_rows, settle,
};
use hindsight_schemas::row_binary::Micros;
use jiff::Timestamp;
use serde::Deserialize;

use super::RebuildError;
use crate::analytics::erase::delete;
use crate::erasure::ErasedSessions;

/// Rows that wait to be inserted together.
pub(super) const ROWS: usize = 20_000;
/// Sessions that are named in one statement.
const ERASED_AT_ONCE: usize = 1_000;
/// How often an insert is settled before it counts as failed.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// How long a statement over a whole table may take.
pub(super) const LONGEST_S: u64 = 3_600;

/// Collects rows of one table.
pub(super) struct Filler<'a, R> {
    engine: &'a dyn Analytics,
    database: &'a str,
    rows: Vec<R>,
    /// Rows that were inserted.
    pub(super) inserted: u64,
}

impl<'a, R: Settles> Filler<'a, R> {
    pub(super) fn new(engine: &'a dyn Analytics, database: &'a str) -> Self {
        Self {
            engine,
            database,
            rows: Vec::new(),
            inserted: 0,
        }
    }

    /// Adds some, and inserts what waits if that is much.
    pub(super) async fn add(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), RebuildError> {
        self.rows.extend(rows);
        if self.rows.len() >= ROWS {
            self.flush().await?;
        }
        Ok(())
    }

    /// Inserts what waits.
    pub(super) async fn flush(&mut self) -> Result<(), RebuildError> {
        let rows = std::mem::take(&mut self.rows);
        let name = format!("rebuild/{}", self.inserted);
        self.inserted += rows.len() as u64;
        let blocks = expected_blocks(self.database, &name, &rows);
        for expected in &blocks {
            match self.engine.insert(&expected.block).await {
                Ok(()) => {}
                Err(error @ InsertError::Rejected { .. }) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "rows of the rebuild are read back");
                    self.settle(&name, std::slice::from_ref(expected)).await?;
                }
            }
        }
        Ok(())
    }

    async fn settle(&self, name: &str, blocks: &[ExpectedBlock]) -> Result<(), RebuildError> {
        let mut tries = 0;
        loop {
            tokio::time::sleep(PAUSE).await;
            tries += 1;
            let now = Micros(Timestamp::now().as_microsecond());
            match settle(self.engine, name, blocks, &|_| false, now).await {
                Ok(_) => return Ok(()),
                Err(error) if tries >= TRIES => return Err(error.into()),
                Err(error) => tracing::warn!(%error, tries, "rows of the rebuild are read back again"),
            }
        }
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
    let (columns, table) = (columns.join(", "), R::TABLE);
    let sql = format!(
        "INSERT INTO {to}.{table} ({columns}) SELECT {columns} FROM {from}.{table} FINAL \
         WHERE expires_at > now() AND {condition}"
    );
    let query = Query::new(sql).setting("max_execution_time", LONGEST_S);
    Ok(engine.execute(params(query)).await?)
}
