//! Looks at each start whether server and tables are such that the promises hold: somebody may have altered a table by
//! hand, or brought up an older server.
//!
//! **Invariant:** nothing is changed here. **Failure**: a refusal that names both values and the remedy.

use hindsight_schemas::ddl::{self, Dialect};
use hindsight_schemas::row_binary::Row;
use hindsight_schemas::rows::{AuditRow, Batch, RecorderEvent, Segment, Session};
use serde::Deserialize;

use super::{Analytics, MigrateError, Query, query_rows};

/// The first version that marks an error within a result, so that a cut result is never taken for a whole one.
const LEAST_VERSION: (u32, u32) = (25, 11);

const TABLES: [(&str, &[&str]); 5] = [
    (RecorderEvent::TABLE, RecorderEvent::COLUMNS),
    (Batch::TABLE, Batch::COLUMNS),
    (Session::TABLE, Session::COLUMNS),
    (Segment::TABLE, Segment::COLUMNS),
    (AuditRow::TABLE, AuditRow::COLUMNS),
];

#[derive(Deserialize)]
struct Version {
    version: String,
}

/// A table as the engine describes it.
#[derive(Deserialize)]
struct Table {
    name: String,
    engine_full: String,
    columns: Vec<String>,
}

pub(super) async fn check(
    engine: &dyn Analytics,
    dialect: Dialect,
    generation: u32,
) -> Result<(), MigrateError> {
    let found: Vec<Version> = query_rows(engine, Query::new("SELECT version() AS version")).await?;
    let found = found
        .into_iter()
        .next()
        .map(|row| row.version)
        .unwrap_or_default();
    if !is_recent(&found) {
        let least = format!("{}.{}", LEAST_VERSION.0, LEAST_VERSION.1);
        return Err(MigrateError::Version { found, least });
    }
    let database = ddl::database(generation);
    let sql = "SELECT t.name AS name, t.engine_full AS engine_full, groupArray(c.name) AS columns \
               FROM system.tables AS t INNER JOIN system.columns AS c ON c.database = t.database AND c.table = t.name \
               WHERE t.database = {database:String} GROUP BY name, engine_full";
    let tables: Vec<Table> = query_rows(engine, Query::new(sql).param("database", database.as_str())).await?;
    for (name, columns) in TABLES {
        let table = tables.iter().find(|table| table.name == name);
        compare(&format!("{database}.{name}"), table, columns, dialect)?;
    }
    Ok(())
}

fn is_recent(version: &str) -> bool {
    let mut numbers = version
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= LEAST_VERSION
}

fn compare(
    name: &str,
    table: Option<&Table>,
    columns: &[&str],
    dialect: Dialect,
) -> Result<(), MigrateError> {
    let differs = |property: String, found: &str, wanted: &str, remedy: String| {
        Err(MigrateError::Differs {
            table: name.into(),
            property,
            found: found.into(),
            wanted: wanted.into(),
            remedy,
        })
    };
    let view = if name.ends_with(Segment::TABLE) {
        "replay-index"
    } else {
        "analytics"
    };
    let rebuild = || format!("hindsight rebuild {view}");
    let Some(table) = table else {
        return differs("it".into(), "gone", "a table that was migrated", rebuild());
    };
    if let Some(missing) = columns
        .iter()
        .find(|column| !table.columns.iter().any(|there| there == *column))
    {
        return differs(format!("column {missing}"), "missing", "there", rebuild());
    }
    let engine = table.engine_full.split('(').next().unwrap_or_default();
    if engine != dialect.engine_name() {
        return differs("engine".into(), engine, dialect.engine_name(), rebuild());
    }
    for (setting, wanted) in dialect.table_settings() {
        let found = value_of(&table.engine_full, setting).unwrap_or("not set");
        if !same(found, wanted) {
            let remedy = format!("ALTER TABLE {name} MODIFY SETTING {setting} = {wanted}");
            return differs((*setting).into(), found, wanted, remedy);
        }
    }
    Ok(())
}

/// The value of a setting in an engine's full text.
fn value_of<'a>(engine_full: &'a str, setting: &str) -> Option<&'a str> {
    let (_, settings) = engine_full.split_once(" SETTINGS ")?;
    settings
        .split(", ")
        .find_map(|pair| pair.strip_prefix(setting)?.strip_prefix(" = "))
}

/// An altered setting is written as its type has it.
fn same(found: &str, wanted: &str) -> bool {
    found == wanted || (found, wanted) == ("true", "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "ReplacingMergeTree(version) PARTITION BY toYYYYMM(a) ORDER BY b TTL expires_at SETTINGS \
        non_replicated_deduplication_window = 10000, fsync_after_insert = true, fsync_part_directory = 1, \
        index_granularity = 8192";

    fn check(engine_full: &str) -> Result<(), String> {
        let table = Table {
            name: "batches".into(),
            engine_full: engine_full.into(),
            columns: vec!["project".into()],
        };
        compare("g.batches", Some(&table), &["project"], Dialect::Embedded).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_promise_rests_on_is_named_with_both_values_and_the_remedy() {
        assert_eq!(check(FULL), Ok(()));
        let small = check(&FULL.replace("= 10000", "= 100")).unwrap_err();
        assert!(
            small.contains("non_replicated_deduplication_window is 100, 10000 is needed")
                && small.contains("ALTER TABLE g.batches MODIFY SETTING"),
            "{small}"
        );
        let unsynced = check(&FULL.replace("fsync_after_insert = true, ", "")).unwrap_err();
        assert!(
            unsynced.contains("fsync_after_insert is not set, 1 is needed"),
            "{unsynced}"
        );
        let other = check(&FULL.replace("Replacing", "")).unwrap_err();
        assert!(
            other.contains("engine is MergeTree, ReplacingMergeTree is needed"),
            "{other}"
        );
    }

    #[test]
    fn versions_are_numbers() {
        assert!(is_recent("25.11.1.1") && is_recent("26.7.3.1-stable") && is_recent("100.1"));
        assert!(!is_recent("25.8.2.1") && !is_recent("") && !is_recent("24.12"));
    }
}
