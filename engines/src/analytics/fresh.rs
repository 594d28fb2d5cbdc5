//! Tables that are filled beside those that are read, and then take their place.
//!
//! ```text
//! hindsight_g1                       what everybody reads and writes
//! hindsight_g1_filling_<unix s>      what is being filled since then
//! hindsight_g1_replaced_<unix s>     what was read until then
//! ```
//!
//! **Invariants:** whoever reads sees a table as it was or as it was filled, never a part of it. Nobody may write to the
//! tables meanwhile: that is the caller's to see to. A table that is gone stays gone until a filled one takes its place. What
//! was read once is never dropped before its time: the database has its last name before the first exchange. **Failure:**
//! what a dead process left half filled is dropped by the next [`Fresh::make`], or by [`drop_left`]. Between two exchanges
//! some tables are new and some old ([`SwitchError::Partly`]); each is whole.

use std::collections::BTreeSet;

use hindsight_schemas::ddl;
use serde::Deserialize;

use super::{Analytics, MigrateError, Query, QueryError, query_rows};
use crate::failpoint;

/// The table in which migrations are recorded.
const MIGRATED: &str = "schema_migrations";

/// Why filled tables did not take the place of those that are read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// Nothing has changed.
    #[error("clickhouse: {0}; what is read is as it was")]
    Untouched(QueryError),
    /// The database is new too and could not be made.
    #[error("clickhouse: {0}; what is read is as it was")]
    Migrate(#[from] MigrateError),
    /// Some have.
    #[error("clickhouse: {error}; the tables {new} are new, the others as they were: rebuild once more")]
    Partly {
        /// Those that have changed places.
        new: String,
        /// Why the next one has not.
        error: QueryError,
    },
}

/// Tables on their way.
#[derive(Debug, Clone)]
pub struct Fresh {
    current: String,
    filling: String,
    /// The tables that are read; some may be gone.
    there: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Fresh {
    /// Makes empty tables beside those of the view generation, which are left as they are.
    pub async fn make(
        engine: &dyn Analytics,
        view_generation: u32,
        now_s: i64,
    ) -> Result<Self, MigrateError> {
        let current = ddl::database(view_generation);
        let left = filling(&current);
        for database in named(engine, &left).await? {
            engine.alter(ddl::drop_database(&database)).await?;
        }
        let filling = format!("{left}{now_s}");
        engine.make_tables(&filling).await?;
        let there = tables(engine, &current).await?;
        Ok(Self {
            current,
            filling,
            there,
        })
    }

    /// Whether a table is there to be read.
    pub fn has(&self, table: &str) -> bool {
        self.there.contains(table)
    }

    /// The database of the tables that are filled.
    pub fn database(&self) -> &str {
        &self.filling
    }

    /// The database of the tables that are read.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// These tables take the place of those of the same names, which stay until [`drop_left`].
    pub async fn switch(
        mut self,
        engine: &dyn Analytics,
        tables: &[&str],
        now_s: i64,
    ) -> Result<(), SwitchError> {
        if !self.has(MIGRATED) {
            // Nothing was ever here: a start would make all of it without a question.
            engine.make_tables(&self.current).await?;
            let made = self::tables(engine, &self.current).await;
            self.there = made.map_err(SwitchError::Untouched)?;
        }
        let replaced = self.free(engine, now_s).await.map_err(SwitchError::Untouched)?;
        failpoint::step("rebuild-rename");
        let renamed = engine.alter(ddl::rename_database(&self.filling, &replaced)).await;
        renamed.map_err(SwitchError::Untouched)?;
        for (number, table) in tables.iter().enumerate() {
            failpoint::step("rebuild-exchange");
            let (there, here) = (format!("{}.{table}", self.current), format!("{replaced}.{table}"));
            let statement = if self.has(table) {
                ddl::exchange(&there, &here)
            } else {
                ddl::rename_table(&here, &there)
            };
            let exchanged = engine.alter(statement).await;
            exchanged.map_err(|error| SwitchError::of(&tables[..number], error))?;
        }
        Ok(())
    }

    /// The first name of what is replaced that no rebuild of this second has.
    async fn free(&self, engine: &dyn Analytics, now_s: i64) -> Result<String, QueryError> {
        let prefix = replaced(&self.current);
        let taken = named(engine, &prefix).await?;
        let mut names = (now_s..).map(|moment| format!("{prefix}{moment}"));
        Ok(names
            .find(|name| !taken.contains(name))
            .expect("moments don't end"))
    }

    /// What was filled is not wanted.
    pub async fn discard(self, engine: &dyn Analytics) -> Result<(), QueryError> {
        engine.alter(ddl::drop_database(&self.filling)).await
    }
}

impl SwitchError {
    fn of(new: &[&str], error: QueryError) -> Self {
        if new.is_empty() {
            return Self::Untouched(error);
        }
        let new = new.join(", ");
        Self::Partly { new, error }
    }
}

/// Drops what was replaced, or left half filled, before this moment; says how many databases went. One that can't be dropped
/// is told of and left for the next time.
pub async fn drop_left(
    engine: &dyn Analytics,
    view_generation: u32,
    before_s: i64,
) -> Result<u64, QueryError> {
    let current = ddl::database(view_generation);
    let mut dropped = 0;
    for prefix in [replaced(&current), filling(&current)] {
        for database in named(engine, &prefix).await? {
            if !is_older(&database, &prefix, before_s) {
                continue;
            }
            match engine.alter(ddl::drop_database(&database)).await {
                Ok(()) => dropped += 1,
                Err(error) => tracing::warn!(database, %error, "what a rebuild left can't be dropped"),
            }
        }
    }
    Ok(dropped)
}

/// The databases of what was replaced and is still there, each with its tables.
pub async fn replaced_tables(
    engine: &dyn Analytics,
    view_generation: u32,
) -> Result<Vec<(String, BTreeSet<String>)>, QueryError> {
    let prefix = replaced(&ddl::database(view_generation));
    let mut found = Vec::new();
    for database in named(engine, &prefix).await? {
        let tables = tables(engine, &database).await?;
        found.push((database, tables));
    }
    Ok(found)
}

fn replaced(current: &str) -> String {
    format!("{current}_replaced_")
}

fn filling(current: &str) -> String {
    format!("{current}_filling_")
}

/// A name without a moment is none of ours.
fn is_older(database: &str, prefix: &str, before_s: i64) -> bool {
    let moment = database.strip_prefix(prefix).map(str::parse::<i64>);
    moment.is_some_and(|moment| moment.is_ok_and(|moment| moment < before_s))
}

async fn named(engine: &dyn Analytics, prefix: &str) -> Result<Vec<String>, QueryError> {
    let sql = "SELECT name FROM system.databases WHERE startsWith(name, {prefix:String}) ORDER BY name";
    let found: Vec<Named> = query_rows(engine, Query::new(sql).param("prefix", prefix)).await?;
    Ok(found.into_iter().map(|database| database.name).collect())
}

async fn tables(engine: &dyn Analytics, database: &str) -> Result<BTreeSet<String>, QueryError> {
    let sql = "SELECT name FROM system.tables WHERE database = {database:String}";
    let found: Vec<Named> = query_rows(engine, Query::new(sql).param("database", database)).await?;
    Ok(found.into_iter().map(|table| table.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_dropped_and_only_the_old_ones() {
        let prefix = replaced("views_g1");
        for (name, older) in [
            ("views_g1_replaced_99", true),
            ("views_g1_replaced_100", false),
            ("views_g1_replaced_", false),
            ("views_g1_replaced_by_hand", false),
            ("views_g1_filling_99", false),
        ] {
            assert_eq!(is_older(name, &prefix, 100), older, "{name}");
        }
    }
}
