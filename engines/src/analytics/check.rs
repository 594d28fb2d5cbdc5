//! Looks at each start whether server and tables are such that the promises hold: somebody may have altered a table by
//! hand, or brought up an older server.
//!
//! **Invariant:** nothing is changed here. **Failure**: a refusal that names both values and the remedy.

use hindsight_schemas::ddl::{self, Dialect, Shape};
use hindsight_schemas::row_binary::Row as _;
use hindsight_schemas::rows::Segment;
use serde::Deserialize;

use super::{Analytics, MigrateError, Query, query_rows};

/// The first version that marks an error within a result, so that a cut result is never taken for a whole one.
const LEAST_VERSION: (u32, u32) = (25, 11);

#[derive(Deserialize)]
struct Version {
    version: String,
}

/// A table as the engine describes it.
#[derive(Deserialize)]
struct Table {
    name: String,
    engine_full: String,
    /// The statement that makes it.
    made: String,
    /// Names and types.
    columns: Vec<(String, String)>,
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
    let sql = "SELECT t.name AS name, t.engine_full AS engine_full, t.create_table_query AS made, \
               groupArray([c.name, c.type]) AS columns \
               FROM system.tables AS t INNER JOIN system.columns AS c ON c.database = t.database AND c.table = t.name \
               WHERE t.database = {database:String} GROUP BY name, engine_full, made";
    let tables: Vec<Table> = query_rows(engine, Query::new(sql).param("database", database.as_str())).await?;
    for shape in Shape::all() {
        let table = tables.iter().find(|table| table.name == shape.table);
        compare(&database, table, &shape, dialect)?;
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
    database: &str,
    table: Option<&Table>,
    shape: &Shape,
    dialect: Dialect,
) -> Result<(), MigrateError> {
    let name = format!("{database}.{}", shape.table);
    let differs = |property: String, found: &str, wanted: &str, remedy: String| {
        Err(MigrateError::Differs {
            table: name.clone(),
            property,
            found: found.into(),
            wanted: wanted.into(),
            remedy,
        })
    };
    let view = if shape.table == Segment::TABLE {
        "replay-index"
    } else {
        "analytics"
    };
    let rebuild = || format!("hindsight rebuild {view}");
    let Some(table) = table else {
        return differs("it".into(), "gone", "a table that was migrated", rebuild());
    };
    for (column, wanted) in &shape.columns {
        let there = table.columns.iter().find(|(there, _)| there == column);
        let Some((_, found)) = there else {
            return differs(format!("column {column}"), "missing", "there", rebuild());
        };
        if ddl::unquoted(found) != *wanted {
            return differs(format!("the type of column {column}"), found, wanted, rebuild());
        }
    }
    let engine = table.engine_full.split(['(', ' ']).next().unwrap_or_default();
    if engine != dialect.engine_name() {
        return differs("engine".into(), engine, dialect.engine_name(), rebuild());
    }
    let (keys, ttl) = ddl::clauses_of(&table.engine_full).unwrap_or_default();
    let version = ddl::version_of(&table.engine_full);
    if version != shape.version {
        let found = if version.is_empty() { "not set" } else { &version };
        let property = "the version of its rows";
        return differs(property.into(), found, &shape.version, rebuild());
    }
    if keys != shape.keys {
        return differs("its order".into(), &keys, &shape.keys, rebuild());
    }
    let (moving, removing): (Vec<&str>, Vec<&str>) = rules(&ttl).into_iter().partition(|rule| moves(rule));
    if removing != [shape.ttl.as_str()] {
        let found = if ttl.is_empty() { "not set" } else { &ttl };
        let all = [vec![shape.ttl.as_str()], moving].concat().join(", ");
        let remedy = format!("ALTER TABLE {name} MODIFY TTL {all}");
        return differs("its TTL".into(), found, &shape.ttl, remedy);
    }
    if columns_of(&table.made).contains(" TTL ") {
        let remedy = format!("ALTER TABLE {name} MODIFY COLUMN <the column> REMOVE TTL");
        return differs("the TTL of a column".into(), "set", "none", remedy);
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

/// The rules of a TTL: commas within parentheses are of a function.
fn rules(ttl: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = ttl.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    });
    parts.map(str::trim).collect()
}

/// Whether a rule only moves or packs parts, as an operator likes; any other removes rows.
fn moves(rule: &str) -> bool {
    [" TO DISK ", " TO VOLUME ", " RECOMPRESS "]
        .iter()
        .any(|word| rule.contains(word))
}

/// What a table's statement says of its columns.
fn columns_of(made: &str) -> &str {
    made.split_once(") ENGINE = ").map_or("", |(columns, _)| columns)
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

    const FULL: &str = "ReplacingMergeTree(version) PARTITION BY toYYYYMM(started_at) ORDER BY (project, \
        toStartOfHour(started_at), session_id, tab, seq) TTL expires_at SETTINGS \
        non_replicated_deduplication_window = 10000, fsync_after_insert = true, fsync_part_directory = 1, \
        index_granularity = 8192";

    fn batches() -> Shape {
        let mut shapes = Shape::all().into_iter();
        shapes.find(|shape| shape.table == "batches").unwrap()
    }

    fn check(engine_full: &str, alter: impl FnOnce(&mut Vec<(String, String)>)) -> Result<(), String> {
        let mut table = Table {
            name: "batches".into(),
            engine_full: engine_full.into(),
            made: format!("CREATE TABLE g.batches (`seq` UInt32 CODEC(ZSTD(1))) ENGINE = {engine_full}"),
            columns: batches().columns,
        };
        alter(&mut table.columns);
        compare("g", Some(&table), &batches(), Dialect::Embedded).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_promise_rests_on_is_named_with_both_values_and_the_remedy() {
        assert_eq!(check(FULL, |_| {}), Ok(()));
        for (there, altered, words) in [
            (
                "= 10000",
                "= 100",
                &[
                    "non_replicated_deduplication_window is 100, 10000 is needed",
                    "ALTER TABLE g.batches MODIFY SETTING",
                ][..],
            ),
            (
                "fsync_after_insert = true, ",
                "",
                &["fsync_after_insert is not set, 1 is needed"],
            ),
            (
                "Replacing",
                "",
                &["engine is MergeTree, ReplacingMergeTree is needed"],
            ),
            (
                " TTL expires_at",
                " TTL received_at + toIntervalDay(1)",
                &[
                    "its TTL is received_at + toIntervalDay(1), expires_at is needed",
                    "ALTER TABLE g.batches MODIFY TTL expires_at",
                ],
            ),
            (
                " TTL expires_at",
                "",
                &["its TTL is not set, expires_at is needed"],
            ),
            (
                "MergeTree(version)",
                "MergeTree(received_at)",
                &["the version of its rows is received_at, version is needed"],
            ),
            (
                ", tab, seq)",
                ")",
                &["its order is PARTITION BY", "hindsight rebuild analytics"],
            ),
        ] {
            let said = check(&FULL.replace(there, altered), |_| {}).unwrap_err();
            assert!(words.iter().all(|words| said.contains(words)), "{said}");
        }
    }

    #[test]
    fn a_column_of_another_type_would_take_other_values_and_is_named() {
        let gone = check(FULL, |columns| {
            columns.remove(0);
        });
        assert!(gone.unwrap_err().contains("column project is missing"));
        let wider = check(FULL, |columns| {
            let received_at = columns.iter_mut().find(|(name, _)| name == "received_at");
            received_at.unwrap().1 = "DateTime64(3, 'UTC')".into();
        });
        let words = wider.unwrap_err();
        assert!(
            words.contains(
                "the type of column received_at is DateTime64(3, 'UTC'), DateTime64(6, 'UTC') is needed"
            ) && words.contains("hindsight rebuild analytics"),
            "{words}"
        );
        let more = check(FULL, |columns| columns.push(("mine".into(), "String".into())));
        assert_eq!(more, Ok(()), "a column more is somebody's own");
    }

    #[test]
    fn parts_may_lie_where_an_operator_likes() {
        let with = |ttl: &str| check(&FULL.replace(" TTL expires_at", ttl), |_| {});
        let moved = " TTL toDateTime(started_at, 'UTC') + toIntervalDay(90) TO VOLUME 'cold', expires_at, \
                     expires_at RECOMPRESS CODEC(ZSTD(9))";
        assert_eq!(with(moved), Ok(()));
        let removed = with(" TTL addDays(started_at, 90) TO DISK 'cold', started_at + toIntervalDay(1)");
        let words = removed.unwrap_err();
        assert!(
            words.contains("MODIFY TTL expires_at, addDays(started_at, 90) TO DISK 'cold'"),
            "{words}"
        );
    }

    #[test]
    fn a_column_that_empties_itself_is_told() {
        let mut table = Table {
            name: "batches".into(),
            engine_full: FULL.into(),
            made: format!("CREATE TABLE g.batches (`url` String TTL received_at) ENGINE = {FULL}"),
            columns: batches().columns,
        };
        let look = |table: &Table| compare("g", Some(table), &batches(), Dialect::Embedded);
        let words = look(&table).unwrap_err().to_string();
        assert!(
            words.contains("the TTL of a column is set") && words.contains("REMOVE TTL"),
            "{words}"
        );
        table.made = format!("CREATE TABLE g.batches (`url` String) ENGINE = {FULL}");
        look(&table).unwrap();
    }

    #[test]
    fn versions_are_numbers() {
        assert!(is_recent("25.11.1.1") && is_recent("26.7.3.1-stable") && is_recent("100.1"));
        assert!(!is_recent("25.8.2.1") && !is_recent("") && !is_recent("24.12"));
    }
}
