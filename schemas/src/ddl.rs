//! The analytics schema as numbered migrations: one text for both sizes, where macros give each its engine.
//!
//! **Invariant:** a migration that has been applied never changes (its digest is recorded beside its number and
//! compared at each start); every statement can be repeated, so a crash between a statement and its record does
//! no harm. The views for people hold no data and are made anew each time.
//!
//! Macros: `{db}` the view generation's database, `{engine:Replacing(version)}`, `{settings}`.

mod shape;

use sha2::{Digest as _, Sha256};

pub use shape::{Shape, clauses_of, unquoted, version_of};

/// The database of the views for people.
pub const PEOPLE_DATABASE: &str = "hindsight";

/// The database of one view generation.
pub fn database(view_generation: u32) -> String {
    format!("{PEOPLE_DATABASE}_g{view_generation}")
}

/// Which size the text is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Plain MergeTree, each insert fsynced: libchdb, and a server by itself.
    Embedded,
    /// Replicated tables of a real cluster.
    Replicated,
}

impl Dialect {
    /// The name of the table engine that replaces rows by a column.
    pub fn engine_name(self) -> &'static str {
        match self {
            Self::Embedded => "ReplacingMergeTree",
            Self::Replicated => "ReplicatedReplacingMergeTree",
        }
    }

    fn engine(self, argument: &str) -> String {
        format!("{}({argument})", self.engine_name())
    }

    /// What each table is made with. Both windows outlast the longest pause between a write and its settling.
    pub fn table_settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Embedded => &[
                ("non_replicated_deduplication_window", "10000"),
                ("fsync_after_insert", "1"),
                ("fsync_part_directory", "1"),
            ],
            Self::Replicated => &[
                ("replicated_deduplication_window", "10000"),
                ("replicated_deduplication_window_seconds", "604800"),
            ],
        }
    }

    fn settings(self) -> String {
        let pairs = self.table_settings().iter();
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name} = {value}")).collect();
        pairs.join(", ")
    }
}

/// One numbered step.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// From 1, without holes.
    pub number: u32,
    /// The file's name without number and extension.
    pub name: &'static str,
    text: &'static str,
}

impl Migration {
    /// Its statements.
    pub fn statements(&self, dialect: Dialect, database: &str) -> Vec<String> {
        expand(self.text, dialect, database)
    }

    /// SHA-256 of the text, in hex: what is recorded when it has been applied.
    pub fn digest(&self) -> String {
        Sha256::digest(self.text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

macro_rules! migration {
    ($number:literal, $file:literal, $name:literal) => {
        Migration {
            number: $number,
            name: $name,
            text: include_str!(concat!("../clickhouse/", $file, "_", $name, ".sql")),
        }
    };
}

/// All migrations, in order.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001", "recorder_events"),
    migration!(2, "0002", "batches"),
    migration!(3, "0003", "sessions"),
    migration!(4, "0004", "segments"),
    migration!(5, "0005", "audit_events"),
    migration!(6, "0006", "seqs_held"),
];

/// Statements that make the databases and the table in which migrations are recorded.
pub fn bootstrap(dialect: Dialect, database: &str) -> Vec<String> {
    expand(
        "CREATE DATABASE IF NOT EXISTS hindsight ENGINE = Atomic;
CREATE DATABASE IF NOT EXISTS {db} ENGINE = Atomic;
CREATE TABLE IF NOT EXISTS {db}.schema_migrations
(number UInt32, name String, digest String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = {engine:Replacing(applied_at)} ORDER BY number SETTINGS {settings};",
        dialect,
        database,
    )
}

/// Statements that point the views for people at the tables of a database.
pub fn people_views(dialect: Dialect, database: &str) -> Vec<String> {
    expand(include_str!("../clickhouse/views.sql"), dialect, database)
}

/// Two tables change their names, at once for whoever reads them.
pub fn exchange(table: &str, other: &str) -> String {
    format!("EXCHANGE TABLES {table} AND {other}")
}

/// A table gets another name, at once for whoever reads it.
pub fn rename_table(from: &str, to: &str) -> String {
    format!("RENAME TABLE {from} TO {to}")
}

/// A database with all its tables gets another name.
pub fn rename_database(from: &str, to: &str) -> String {
    format!("RENAME DATABASE {from} TO {to}")
}

/// A database goes, with all its tables.
pub fn drop_database(database: &str) -> String {
    format!("DROP DATABASE IF EXISTS {database}")
}

/// The statements for all nodes of a cluster: each database, table and view is made, or changed, on every one. An empty name leaves
/// them as they are.
pub fn on_cluster(statements: Vec<String>, cluster: &str) -> Vec<String> {
    const MADE: [&str; 4] = [
        "CREATE DATABASE IF NOT EXISTS ",
        "CREATE TABLE IF NOT EXISTS ",
        "ALTER TABLE ",
        "CREATE OR REPLACE VIEW ",
    ];
    const MOVED: [&str; 4] = [
        "EXCHANGE TABLES ",
        "RENAME TABLE ",
        "RENAME DATABASE ",
        "DROP DATABASE ",
    ];
    if cluster.is_empty() {
        return statements;
    }
    let quoted = cluster.replace('\\', "\\\\").replace('`', "\\`");
    let everywhere = |mut statement: String| {
        if MOVED.iter().any(|moved| statement.starts_with(moved)) {
            return format!("{statement} ON CLUSTER `{quoted}`");
        }
        let made = MADE.iter().find(|made| statement.starts_with(**made));
        let begin = made.expect("our statements make things, or change them").len();
        let name = statement[begin..].find(|character: char| character.is_whitespace());
        statement.insert_str(
            begin + name.expect("something follows the name"),
            &format!(" ON CLUSTER `{quoted}`"),
        );
        statement
    };
    statements.into_iter().map(everywhere).collect()
}

/// Expands the macros and splits at `;` before a line's end, which our texts have nowhere else.
fn expand(text: &str, dialect: Dialect, database: &str) -> Vec<String> {
    const ENGINE: &str = "{engine:Replacing(";
    let mut text = text
        .replace("{db}", database)
        .replace("{settings}", &dialect.settings());
    while let Some(start) = text.find(ENGINE) {
        let argument_at = start + ENGINE.len();
        let length = text[argument_at..]
            .find(")}")
            .expect("an engine macro ends with `)}`");
        let engine = dialect.engine(&text[argument_at..argument_at + length]);
        text.replace_range(start..argument_at + length + 2, &engine);
    }
    let without_comments: String = text
        .lines()
        .filter(|line| !line.starts_with("--"))
        .map(|line| format!("{line}\n"))
        .collect();
    without_comments
        .split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
        .map(String::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_holes_and_macros_no_rest() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.number as usize, index + 1, "{}", migration.name);
            for dialect in [Dialect::Embedded, Dialect::Replicated] {
                for statement in migration.statements(dialect, &database(7)) {
                    assert!(
                        !statement.contains('{') && statement.contains("hindsight_g7."),
                        "{statement}"
                    );
                }
            }
        }
    }

    /// The whole of what a cluster is told, as a file to read and compare. It is not run here: there is no Keeper.
    #[test]
    fn the_replicated_variant_is_as_it_was_reviewed() {
        let (dialect, cluster) = (Dialect::Replicated, "main");
        let database = database(1);
        let statements = bootstrap(dialect, &database)
            .into_iter()
            .chain(
                MIGRATIONS
                    .iter()
                    .flat_map(|step| step.statements(dialect, &database)),
            )
            .chain(people_views(dialect, &database));
        let text: String = on_cluster(statements.collect(), cluster)
            .iter()
            .map(|statement| format!("\n{statement};\n"))
            .collect();
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/clickhouse/golden/replicated.sql");
        let reviewed = std::fs::read_to_string(golden).expect("the file is there");
        let (head, body) = reviewed.split_at(reviewed.find("\n\n").expect("a head, then the statements") + 1);
        if body != text && std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(golden, format!("{head}{text}")).expect("it can be written");
        } else {
            assert!(
                body == text,
                "{golden} is another text: look at the difference after UPDATE_GOLDEN=1"
            );
        }
    }

    #[test]
    fn what_moves_moves_on_every_node() {
        let moves = vec![
            exchange("a.t", "b.t"),
            rename_database("a", "b"),
            drop_database("b"),
        ];
        assert_eq!(on_cluster(moves.clone(), ""), moves);
        for (there, here) in on_cluster(moves.clone(), "main").iter().zip(&moves) {
            assert_eq!(*there, format!("{here} ON CLUSTER `main`"));
        }
    }

    #[test]
    fn both_sizes_have_their_engine_and_window() {
        let text = |dialect| MIGRATIONS[0].statements(dialect, &database(1)).concat();
        assert!(text(Dialect::Embedded).contains("ENGINE = ReplacingMergeTree(version)"));
        assert!(text(Dialect::Embedded).contains("fsync_after_insert = 1"));
        assert!(text(Dialect::Replicated).contains("ENGINE = ReplicatedReplacingMergeTree(version)"));
        assert!(text(Dialect::Replicated).contains("replicated_deduplication_window = 10000"));
    }
}
