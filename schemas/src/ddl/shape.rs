//! What a table is after all migrations: its columns with their types, and by what it is partitioned, ordered and expires.
//!
//! **Invariant:** read from the migrations themselves, in the words in which `system.tables` and `system.columns` describe a
//! table (a test against the real engine compares both). It reads what our texts have: a column a line, and added columns.

use super::{Dialect, MIGRATIONS};

const DATABASE: &str = "db";

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its name, without database.
    pub table: String,
    /// Names and types.
    pub columns: Vec<(String, String)>,
    /// The column whose greatest value wins among rows of one key.
    pub version: String,
    /// What stands between the engine and its settings, without [`Self::ttl`]: `PARTITION BY ... ORDER BY ...`.
    pub keys: String,
    /// When a row expires.
    pub ttl: String,
}

impl Shape {
    /// All tables.
    pub fn all() -> Vec<Self> {
        let mut shapes = Vec::new();
        let statements = MIGRATIONS
            .iter()
            .flat_map(|migration| migration.statements(Dialect::Embedded, DATABASE));
        for statement in statements {
            if let Some(made) = statement.strip_prefix(&format!("CREATE TABLE IF NOT EXISTS {DATABASE}.")) {
                shapes.push(Self::made(made));
            } else if let Some(altered) = statement.strip_prefix(&format!("ALTER TABLE {DATABASE}.")) {
                alter(&mut shapes, altered);
            }
        }
        shapes
    }

    fn made(statement: &str) -> Self {
        let mut lines = statement.lines();
        let table = lines.next().unwrap_or_default().trim().to_owned();
        let columns = lines.by_ref().take_while(|line| line.trim() != ")");
        let columns = columns.filter_map(|line| column(line.trim())).collect();
        let clauses = lines.map(str::trim).collect::<Vec<_>>().join(" ");
        let (keys, ttl) = clauses_of(&clauses).unwrap_or_default();
        Self {
            table,
            columns,
            version: version_of(&clauses),
            keys,
            ttl,
        }
    }
}

/// Keys and TTL of an engine's full text.
pub fn clauses_of(engine: &str) -> Option<(String, String)> {
    let (_, clauses) = engine.split_once(" PARTITION BY ")?;
    let (clauses, _) = clauses.split_once(" SETTINGS ").unwrap_or((clauses, ""));
    let (keys, ttl) = clauses.split_once(" TTL ").unwrap_or((clauses, ""));
    Some((format!("PARTITION BY {}", unquoted(keys)), unquoted(ttl)))
}

/// The last argument of the engine in its full text.
pub fn version_of(engine: &str) -> String {
    let (engine, _) = engine.split_once(" PARTITION BY ").unwrap_or((engine, ""));
    let arguments = engine.split_once('(').map_or("", |(_, arguments)| arguments);
    let last = arguments.trim_end_matches(')').rsplit(',').next();
    unquoted(last.unwrap_or_default().trim())
}

/// The engine quotes a name where it has to, our texts as they like.
pub fn unquoted(text: &str) -> String {
    text.replace('`', "")
}

/// `` `name` Type CODEC(...), ``
fn column(text: &str) -> Option<(String, String)> {
    let (name, rest) = text.strip_prefix('`')?.split_once('`')?;
    let (kind, _) = rest.split_once(" CODEC(").unwrap_or((rest, ""));
    Some((name.into(), unquoted(kind.trim().trim_end_matches(','))))
}

/// `table ADD COLUMN IF NOT EXISTS column`.
fn alter(shapes: &mut [Shape], altered: &str) {
    let added = altered.split_once(" ADD COLUMN IF NOT EXISTS ");
    let (table, text) = added.expect("our migrations add columns, and change nothing else");
    let shape = shapes.iter_mut().find(|shape| shape.table == table);
    let shape = shape.expect("a table is made before it is changed");
    shape.columns.extend(column(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row_binary::Row;
    use crate::rows::{AuditRow, Batch, RecorderEvent, Segment, Session};

    #[test]
    fn each_table_has_the_columns_of_its_rows_with_a_type() {
        let shapes = Shape::all();
        let rows: [(&str, &[&str]); 5] = [
            (RecorderEvent::TABLE, RecorderEvent::COLUMNS),
            (Batch::TABLE, Batch::COLUMNS),
            (Session::TABLE, Session::COLUMNS),
            (Segment::TABLE, Segment::COLUMNS),
            (AuditRow::TABLE, AuditRow::COLUMNS),
        ];
        assert_eq!(shapes.len(), rows.len());
        for (table, columns) in rows {
            let shape = shapes.iter().find(|shape| shape.table == table).expect(table);
            for wanted in columns {
                let kind = shape.columns.iter().find(|(name, _)| name == wanted);
                assert!(kind.is_some_and(|(_, kind)| !kind.is_empty()), "{table}.{wanted}");
            }
        }
    }

    #[test]
    fn a_shape_is_in_the_words_of_the_engine() {
        let shapes = Shape::all();
        let batches = shapes.iter().find(|shape| shape.table == Batch::TABLE).unwrap();
        assert_eq!(
            batches.keys,
            "PARTITION BY toYYYYMM(started_at) ORDER BY (project, toStartOfHour(started_at), session_id, tab, seq)"
        );
        assert_eq!((&*batches.ttl, &*batches.version), ("expires_at", "version"));
        let replicated =
            "ReplicatedReplacingMergeTree('/tables/{uuid}/{shard}', '{replica}', version) PARTITION BY a";
        assert_eq!(version_of(replicated), "version");
        assert_eq!(
            version_of("ReplacingMergeTree PARTITION BY a ORDER BY (b, c)"),
            ""
        );
        let kind = |wanted: &str| {
            let found = batches.columns.iter().find(|(name, _)| name == wanted);
            found.map(|(_, kind)| kind.as_str())
        };
        assert_eq!(kind("received_at"), Some("DateTime64(6, 'UTC')"));
        assert_eq!(
            kind("references"),
            Some("Array(Tuple(type String, id String, by String))")
        );
    }
}
