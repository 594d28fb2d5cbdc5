//! Tables that are filled beside those that are read, and then take their place.
//!
//! ```text
//! hindsight_g1                       what everybody reads and writes
//! hindsight_g1_filling_<unix s>      what is being filled since then
//! hindsight_g1_replaced_<unix s>     what was read until then
//! ```
//!
//! **Invariants:** whoever reads sees a table as it was or as it was filled, never a part of it. Nobody may write to the
//! tables meanwhile: that is the caller's to see to. **Failure:** what a dead process left half filled is dropped by the
//! next [`Fresh::make`]. Between two exchanges some tables are new and some old; each is whole.

use hindsight_schemas::ddl;
use serde::Deserialize;

use super::{Analytics, MigrateError, Query, QueryError, query_rows};

/// Tables on their way.
#[derive(Debug, Clone)]
pub struct Fresh {
    current: String,
    filling: String,
}

#[derive(Deserialize)]
struct Database {
    name: String,
}

impl Fresh {
    /// Makes empty tables beside those of the view generation, of which those that are gone are made again.
    pub async fn make(
        engine: &dyn Analytics,
        view_generation: u32,
        now_s: i64,
    ) -> Result<Self, MigrateError> {
        let current = ddl::database(view_generation);
        engine.make_tables(&current).await?;
        let left = format!("{current}_filling_");
        for database in named(engine, &left).await? {
            engine.alter(ddl::drop_database(&database)).await?;
        }
        let filling = format!("{left}{now_s}");
        engine.make_tables(&filling).await?;
        Ok(Self { current, filling })
    }

    /// The database of the tables that are filled.
    pub fn database(&self) -> &str {
        &self.filling
    }

    /// The database of the tables that are read.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// These tables take the place of those of the same names, which stay until [`drop_replaced`].
    pub async fn switch(self, engine: &dyn Analytics, tables: &[&str], now_s: i64) -> Result<(), QueryError> {
        let Self { current, filling } = self;
        for table in tables {
            let (there, here) = (format!("{current}.{table}"), format!("{filling}.{table}"));
            engine.alter(ddl::exchange(&there, &here)).await?;
        }
        let replaced = format!("{}{now_s}", replaced(&current));
        engine.alter(ddl::rename_database(&filling, &replaced)).await
    }

    /// What was filled is not wanted.
    pub async fn discard(self, engine: &dyn Analytics) -> Result<(), QueryError> {
        engine.alter(ddl::drop_database(&self.filling)).await
    }
}

/// Drops the tables that were replaced before this moment; says how many databases went.
pub async fn drop_replaced(
    engine: &dyn Analytics,
    view_generation: u32,
    before_s: i64,
) -> Result<u64, QueryError> {
    let prefix = replaced(&ddl::database(view_generation));
    let mut dropped = 0;
    for database in named(engine, &prefix).await? {
        if is_older(&database, &prefix, before_s) {
            engine.alter(ddl::drop_database(&database)).await?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

fn replaced(current: &str) -> String {
    format!("{current}_replaced_")
}

/// A name without a moment is none of ours.
fn is_older(database: &str, prefix: &str, before_s: i64) -> bool {
    let moment = database.strip_prefix(prefix).map(str::parse::<i64>);
    moment.is_some_and(|moment| moment.is_ok_and(|moment| moment < before_s))
}

async fn named(engine: &dyn Analytics, prefix: &str) -> Result<Vec<String>, QueryError> {
    let sql = "SELECT name FROM system.databases WHERE startsWith(name, {prefix:String}) ORDER BY name";
    let found: Vec<Database> = query_rows(engine, Query::new(sql).param("prefix", prefix)).await?;
    Ok(found.into_iter().map(|database| database.name).collect())
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
