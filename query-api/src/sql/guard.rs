//! What an analyst's statement may do: one SELECT over the tables for people, in the caller's projects only.
//!
//! The statement is parsed, checked on its tree and written anew; the engine never sees the text that was
//! sent. Each table becomes a subquery with the caller's projects, so no text can step around the filter.
//!
//! **Invariant:** every relation of the tree was either rewritten here, is a name defined by `WITH` in the same
//! statement, or is an allowed table function; the guard counts them and refuses a statement where one was
//! missed. Bound: [`STATEMENT_BYTES`], and the parser's own nesting limit.

use std::collections::HashSet;
use std::ops::ControlFlow;

use hindsight_schemas::ids::ProjectId;
use sqlparser::ast::{
    Expr, Function, JoinOperator, ObjectName, Query, Select, SetExpr, Statement, TableAlias, TableFactor,
    TableWithJoins, VisitMut, VisitorMut,
};
use sqlparser::dialect::ClickHouseDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

pub use super::refused::Refused;

use super::functions::{function_allowed, table_function_allowed};

/// The longest statement.
pub const STATEMENT_BYTES: usize = 64 << 10;

/// The tables for people (API.md 'Analytics').
pub const TABLES: &[&str] = &["events", "batches", "sessions", "segments", "audit"];

const DATABASE: &str = "hindsight";

/// Formats that a statement or an `Accept` header may ask for.
pub const FORMATS: &[&str] = &[
    "JSON",
    "JSONCompact",
    "JSONEachRow",
    "JSONStrings",
    "JSONCompactEachRow",
    "CSV",
    "CSVWithNames",
    "TSV",
    "TSVWithNames",
    "TabSeparated",
    "TabSeparatedWithNames",
    "TabSeparatedWithNamesAndTypes",
    "Parquet",
    "Arrow",
    "ArrowStream",
    "Native",
    "RowBinary",
    "RowBinaryWithNames",
    "RowBinaryWithNamesAndTypes",
    "Pretty",
    "PrettyCompact",
    "Vertical",
    "Markdown",
    "Values",
    "Null",
];

/// A statement that may be sent to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The statement as written anew, without FORMAT.
    pub sql: String,
    /// The format that the text asked for.
    pub format: Option<String>,
}

/// Checks a statement and limits it to these projects.
pub fn admit(text: &str, projects: &[ProjectId]) -> Result<Admitted, Refused> {
    if text.len() > STATEMENT_BYTES {
        return Err(Refused::TooLong(text.len()));
    }
    let (tokens, format) = split_format(text)?;
    let mut statements = Parser::new(&ClickHouseDialect {})
        .with_tokens(tokens)
        .parse_statements()
        .map_err(|error| Refused::Syntax(error.to_string()))?;
    let statement = match statements.len() {
        1 => statements.remove(0),
        _ => return Err(Refused::NotOneSelect),
    };
    let Statement::Query(mut query) = statement else {
        return Err(Refused::NotOneSelect);
    };
    let mut guard = Guard {
        projects,
        names: with_names(&mut query)?,
        relations: 0,
        handled: 0,
    };
    if let ControlFlow::Break(refused) = query.visit(&mut guard) {
        return Err(refused);
    }
    if guard.relations != guard.handled {
        return Err(Refused::Clause("a table in this place"));
    }
    Ok(Admitted {
        sql: query.to_string(),
        format,
    })
}

/// The statement's tokens, and the format where the text ends with `FORMAT name`. (To the parser `1 FORMAT CSV`
/// is a value with an alias.)
fn split_format(text: &str) -> Result<(Vec<Token>, Option<String>), Refused> {
    let mut tokens = Tokenizer::new(&ClickHouseDialect {}, text)
        .tokenize()
        .map_err(|error| Refused::Syntax(error.to_string()))?;
    tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
    while tokens.last() == Some(&Token::SemiColon) {
        tokens.pop();
    }
    let [.., Token::Word(keyword), Token::Word(name)] = tokens.as_slice() else {
        return Ok((tokens, None));
    };
    if !keyword.value.eq_ignore_ascii_case("FORMAT") || keyword.quote_style.is_some() {
        return Ok((tokens, None));
    }
    let known = FORMATS
        .iter()
        .find(|format| format.eq_ignore_ascii_case(&name.value));
    let format = known.ok_or_else(|| Refused::Format(name.value.clone()))?;
    tokens.truncate(tokens.len() - 2);
    Ok((tokens, Some((*format).to_owned())))
}

/// All names that `WITH` defines anywhere. A name of a table may not be among them: outside its scope it would
/// mean the table, unfiltered.
fn with_names(query: &mut Query) -> Result<HashSet<String>, Refused> {
    struct Names(HashSet<String>);
    impl VisitorMut for Names {
        type Break = Refused;
        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
            for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
                let name = cte.alias.name.value.clone();
                if TABLES.iter().any(|table| table.eq_ignore_ascii_case(&name)) {
                    return ControlFlow::Break(Refused::Clause("WITH under the name of a table"));
                }
                self.0.insert(name);
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(HashSet::new());
    match query.visit(&mut names) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(names.0),
    }
}

struct Guard<'a> {
    projects: &'a [ProjectId],
    names: HashSet<String>,
    relations: usize,
    handled: usize,
}

impl Guard<'_> {
    fn from(&mut self, from: &mut TableWithJoins) -> Result<(), Refused> {
        self.factor(&mut from.relation)?;
        for join in &mut from.joins {
            match join.join_operator {
                // The right side is a column of the left one.
                JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => {
                    self.handled += 1;
                }
                _ => self.factor(&mut join.relation)?,
            }
        }
        Ok(())
    }

    fn factor(&mut self, factor: &mut TableFactor) -> Result<(), Refused> {
        match factor {
            TableFactor::Derived { .. } => Ok(()),
            TableFactor::NestedJoin { table_with_joins, .. } => self.from(table_with_joins),
            TableFactor::Table {
                name,
                alias,
                args,
                sample,
                with_hints,
                version,
                partitions,
                json_path,
                ..
            } => {
                if sample.is_some() || !with_hints.is_empty() || version.is_some() {
                    return Err(Refused::Clause("SAMPLE, a hint or a version"));
                }
                if !partitions.is_empty() || json_path.is_some() {
                    return Err(Refused::Clause("a partition or a path of a table"));
                }
                self.handled += 1;
                if let Some(args) = args {
                    let allowed = table_function_allowed(&name.to_string()) && args.settings.is_none();
                    return if allowed {
                        Ok(())
                    } else {
                        Err(Refused::TableFunction(name.to_string()))
                    };
                }
                let Some(table) = self.table(name)? else {
                    return Ok(());
                };
                *factor = filtered(table, alias.take(), self.projects);
                Ok(())
            }
            _ => Err(Refused::Clause("this kind of table expression")),
        }
    }

    /// The table for people that a name means; `None` for a name defined by `WITH`.
    fn table(&self, name: &ObjectName) -> Result<Option<&'static str>, Refused> {
        let parts: Vec<&str> = name
            .0
            .iter()
            .filter_map(|part| part.as_ident())
            .map(|ident| ident.value.as_str())
            .collect();
        let table = match parts.as_slice() {
            [one] if name.0.len() == 1 && self.names.contains(*one) => return Ok(None),
            [one] if name.0.len() == 1 => one,
            [database, one] if name.0.len() == 2 && *database == DATABASE => one,
            _ => return Err(Refused::Table(name.to_string())),
        };
        TABLES
            .iter()
            .find(|known| *known == table)
            .map(|known| Some(*known))
            .ok_or(Refused::Table(name.to_string()))
    }

    fn function(function: &Function) -> Result<(), Refused> {
        let name = function.name.to_string();
        let plain = name.trim_matches(['`', '"']);
        if function_allowed(plain) {
            Ok(())
        } else {
            Err(Refused::Function(name))
        }
    }
}

/// `(SELECT * FROM hindsight.t WHERE project IN (...)) AS alias`
fn filtered(table: &'static str, alias: Option<TableAlias>, projects: &[ProjectId]) -> TableFactor {
    // A project id has neither quote nor backslash (see ProjectId), so it can stand in a literal as it is.
    let list = projects
        .iter()
        .map(|project| format!("'{project}'"))
        .collect::<Vec<_>>()
        .join(", ");
    let sql = format!(
        "SELECT * FROM {DATABASE}.{table} WHERE project IN ({})",
        if list.is_empty() { "''" } else { &list }
    );
    let parsed = Parser::parse_sql(&ClickHouseDialect {}, &sql)
        .expect("a constant statement parses")
        .remove(0);
    let Statement::Query(subquery) = parsed else {
        unreachable!("a SELECT is a query")
    };
    let alias = alias.unwrap_or_else(|| TableAlias {
        explicit: true,
        name: table.into(),
        columns: Vec::new(),
        at: None,
    });
    TableFactor::Derived {
        lateral: false,
        subquery,
        alias: Some(alias),
        sample: None,
    }
}

fn flow(result: Result<(), Refused>) -> ControlFlow<Refused> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(refused) => ControlFlow::Break(refused),
    }
}

impl VisitorMut for Guard<'_> {
    type Break = Refused;

    fn pre_visit_relation(&mut self, _: &mut ObjectName) -> ControlFlow<Refused> {
        self.relations += 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
        flow(if query.settings.is_some() {
            Err(Refused::Clause("SETTINGS"))
        } else if query.format_clause.is_some() {
            Err(Refused::Clause("FORMAT before the end"))
        } else if !query.locks.is_empty() || query.for_clause.is_some() || !query.pipe_operators.is_empty() {
            Err(Refused::Clause("FOR, a lock or a pipe"))
        } else {
            body_is_select(&query.body)
        })
    }

    /// After its parts were visited: what is put in here is not visited again.
    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refused> {
        if select.into.is_some() {
            return ControlFlow::Break(Refused::Clause("INTO"));
        }
        for from in &mut select.from {
            if let Err(refused) = self.from(from) {
                return ControlFlow::Break(refused);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        flow(match expr {
            Expr::Function(function) => Self::function(function),
            // `x IN (name)` reads a table of that name.
            Expr::InList { list, .. } if list.iter().any(is_name) => {
                Err(Refused::Clause("a name inside IN (...)"))
            }
            Expr::InUnnest { .. } => Err(Refused::Clause("IN UNNEST")),
            _ => Ok(()),
        })
    }
}

fn is_name(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_name(inner),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        _ => false,
    }
}

fn body_is_select(body: &SetExpr) -> Result<(), Refused> {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) => Ok(()),
        SetExpr::SetOperation { left, right, .. } => {
            body_is_select(left).and_then(|()| body_is_select(right))
        }
        _ => Err(Refused::NotOneSelect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Vec<ProjectId> {
        vec!["shop".parse().unwrap()]
    }

    fn admitted(text: &str) -> String {
        admit(text, &shop())
            .unwrap_or_else(|refused| panic!("{text}: {refused}"))
            .sql
    }

    #[test]
    fn every_table_is_limited_to_the_callers_projects() {
        for text in [
            "SELECT count() FROM events",
            "SELECT count() FROM hindsight.events AS e WHERE e.kind = 'click'",
            "SELECT * FROM sessions s JOIN audit a ON a.session_id = s.session_id",
            "WITH top AS (SELECT url FROM events) SELECT url, count() FROM top GROUP BY url",
            "SELECT 1 WHERE 'x' IN (SELECT user_id FROM audit)",
            "SELECT * FROM (SELECT url FROM events UNION ALL SELECT path FROM events)",
        ] {
            let sql = admitted(text);
            let tables = sql.matches("FROM hindsight.").count();
            assert!(
                tables > 0 && tables == sql.matches("WHERE project IN ('shop')").count(),
                "{sql}"
            );
            let bare = TABLES.iter().any(|table| sql.contains(&format!("FROM {table} ")));
            assert!(!bare, "{sql}");
        }
    }

    #[test]
    fn analysts_statements_are_served() {
        for text in [
            "SELECT toStartOfMinute(at) AS minute, uniq(session_id) FROM events GROUP BY minute ORDER BY minute",
            "SELECT quantile(0.95)(duration_ms) FROM events WHERE kind = 'network'",
            "SELECT r.type, count() FROM sessions ARRAY JOIN references AS r GROUP BY r.type",
            "SELECT arrayMap(x -> x * 2, [1, 2])",
            "SELECT number FROM numbers(10)",
            "SELECT countIf(outcome = 'failure') / count() FROM audit",
        ] {
            admitted(text);
        }
        assert_eq!(
            admit("SELECT 1 FORMAT csv", &shop()).unwrap().format.as_deref(),
            Some("CSV")
        );
    }

    #[test]
    fn what_reaches_beyond_the_tables_is_refused() {
        for text in [
            "INSERT INTO events VALUES (1)",
            "DROP TABLE events",
            "ALTER TABLE events DELETE WHERE 1",
            "SELECT 1; SELECT 2",
            "",
            "SELECT * FROM system.tables",
            "SELECT * FROM hindsight_g1.recorder_events",
            "SELECT * FROM recorder_events",
            "SELECT * FROM file('/etc/passwd', 'LineAsString')",
            "SELECT * FROM url('http://127.0.0.1/', 'CSV')",
            "SELECT * FROM remote('127.0.0.1', system.one)",
            "SELECT * FROM merge('hindsight', '.*')",
            "SELECT file('/etc/passwd')",
            "SELECT getSetting('max_memory_usage')",
            "SELECT hostName()",
            "SELECT sleep(3)",
            "SELECT 1 SETTINGS max_memory_usage = 0",
            "SELECT * FROM (SELECT 1 SETTINGS readonly = 0)",
            "SELECT 1 FORMAT Nonsense",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "SELECT 1 WHERE 1 IN (recorder_events)",
            "SELECT 1 WHERE 1 IN system.one",
            "WITH events AS (SELECT 1) SELECT * FROM events",
            "SELECT dictGet('d', 'a', 1)",
            "SET max_threads = 1",
            "SHOW TABLES",
            "TABLE events",
        ] {
            assert!(
                admit(text, &shop()).is_err(),
                "{text}: {:?}",
                admit(text, &shop())
            );
        }
    }

    #[test]
    fn nobodys_projects_show_nothing() {
        assert!(
            admit("SELECT * FROM events", &[])
                .unwrap()
                .sql
                .contains("project IN ('')")
        );
    }
}
