//! Looks for rows by identity: what settling reads back, and what a scrubber finds.
//!
//! **Invariant:** of several rows of one identity the winner is told. **Failure:** a replica that is behind, or an engine
//! that does not answer, is an error. **Bounds:** [`READ_BACK_ROWS`] identities a statement; [`find_rows`] reads the hours
//! of the rows and no others.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::settle::{ExpectedRow, READ_BACK_ROWS, Rank, Settles, TableShape};
use super::{Analytics, Query, QueryError, query_rows};

const HOUR_MS: i64 = 3_600_000;

/// What a table has of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundRow {
    /// The rank of the row that wins.
    pub rank: Rank,
    /// How many rows there are.
    pub times: u64,
}

#[derive(Deserialize)]
struct Winner {
    identity: String,
    rank: Rank,
    times: u64,
}

/// What readers find of these rows, by identity: what a merge would take away does not count.
pub async fn find_rows<R: Settles>(
    engine: &dyn Analytics,
    database: &str,
    rows: &[ExpectedRow],
) -> Result<HashMap<String, FoundRow>, QueryError> {
    let table = format!("{database}.{} FINAL", R::TABLE);
    let mut by_hour: BTreeMap<i64, Vec<&ExpectedRow>> = BTreeMap::new();
    for row in rows {
        by_hour
            .entry(row.time.0.div_euclid(HOUR_MS))
            .or_default()
            .push(row);
    }
    let mut found = HashMap::new();
    for rows in by_hour.values().flat_map(|rows| rows.chunks(READ_BACK_ROWS)) {
        found.extend(find(engine, &table, R::SHAPE, rows).await?);
    }
    Ok(found)
}

/// What is in a table of these rows, by identity.
pub(super) async fn find(
    engine: &dyn Analytics,
    table: &str,
    TableShape { identity, rank, time }: TableShape,
    rows: &[&ExpectedRow],
) -> Result<HashMap<String, FoundRow>, QueryError> {
    let sql = format!(
        "SELECT {identity} AS identity, min({rank}) AS rank, count() AS times FROM {table} \
         WHERE {time} BETWEEN {{from:DateTime64(3)}} AND {{to:DateTime64(3)}} \
         AND has({{projects:Array(String)}}, project) AND identity IN {{identities:Array(String)}} \
         GROUP BY identity"
    );
    let times = || rows.iter().map(|row| row.time);
    let (Some(from), Some(to)) = (times().min(), times().max()) else {
        return Ok(HashMap::new());
    };
    let mut projects: Vec<String> = rows.iter().map(|row| row.project.clone()).collect();
    projects.dedup();
    let identities: Vec<String> = rows.iter().map(|row| row.identity.clone()).collect();
    let query = Query::new(sql)
        .param("from", from)
        .param("to", to)
        .param("projects", &projects[..])
        .param("identities", &identities[..])
        .setting("output_format_json_named_tuples_as_objects", 0);
    let winners: Vec<Winner> = query_rows(engine, query).await?;
    let found = winners.into_iter().map(|winner| {
        let Winner {
            identity,
            rank,
            times,
            ..
        } = winner;
        (identity, FoundRow { rank, times })
    });
    Ok(found.collect())
}

/// On replicated tables, what was answered OK elsewhere is here too afterwards.
pub async fn catch_up(engine: &dyn Analytics, table: &str) -> Result<(), QueryError> {
    if !engine.replicated() {
        return Ok(());
    }
    engine
        .execute(Query::new(format!("SYSTEM SYNC REPLICA {table} LIGHTWEIGHT")))
        .await
}
