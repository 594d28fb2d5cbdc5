//! The text of a query tree: what the console shows, what cursors are bound to.
//!
//! **Invariant:** parsing the text gives the same tree (a property test).

use std::fmt::{self, Display, Formatter, Write};
use std::ops::Bound;

use super::fields::{Field, Kind};
use super::moment::rfc3339;
use super::query::{Match, Query, Words};

impl Display for Query {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Query::All => Ok(()),
            Query::And(parts) => joined(out, parts, " "),
            Query::Or(parts) => joined(out, parts, " OR "),
            Query::Not(inner) => {
                out.write_char('-')?;
                inner.as_term(out)
            }
            Query::Text(Words { text, prefix }) => {
                quoted(out, text)?;
                out.write_str(if *prefix { "*" } else { "" })
            }
            Query::Field { field, any } => {
                write!(out, "{}:", field.name())?;
                for (index, value) in any.iter().enumerate() {
                    out.write_str(if index > 0 { "," } else { "" })?;
                    value.print(*field, out)?;
                }
                Ok(())
            }
        }
    }
}

impl Query {
    fn as_term(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Query::And(_) | Query::Or(_) => write!(out, "({self})"),
            _ => write!(out, "{self}"),
        }
    }
}

fn joined(out: &mut Formatter<'_>, parts: &[Query], separator: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        out.write_str(if index > 0 { separator } else { "" })?;
        part.as_term(out)?;
    }
    Ok(())
}

impl Match {
    fn print(&self, field: Field, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Match::Exact(text) => value(out, field, text),
            Match::Prefix(text) => {
                value(out, field, text)?;
                out.write_char('*')
            }
            Match::Present => out.write_char('*'),
            Match::Addresses(first, last) if first == last => write!(out, "{first}"),
            Match::Addresses(first, last) => write!(out, "{first}..{last}"),
            Match::Times(from, to) => times(out, *from, *to),
            Match::Between(Bound::Excluded(from), _) => {
                out.write_char('>')?;
                value(out, field, from)
            }
            Match::Between(_, Bound::Excluded(to)) => {
                out.write_char('<')?;
                value(out, field, to)
            }
            Match::Between(from, to) => {
                for (end, after) in [(from, ".."), (to, "")] {
                    if let Bound::Included(end) = end {
                        value(out, field, end)?;
                    }
                    out.write_str(after)?;
                }
                Ok(())
            }
        }
    }
}

fn times(out: &mut Formatter<'_>, from: Option<i64>, to: Option<i64>) -> fmt::Result {
    match (from, to) {
        (Some(from), Some(to)) => write!(out, "{}..{}", rfc3339(from), rfc3339(to - 1)),
        (Some(from), None) => write!(out, ">={}", rfc3339(from)),
        (None, Some(to)) => write!(out, "<{}", rfc3339(to)),
        (None, None) => out.write_char('*'),
    }
}

/// A pair is always quoted as a whole, anything else where it has to be: a dot at an end could be taken for
/// one of a range.
fn value(out: &mut Formatter<'_>, field: Field, text: &str) -> fmt::Result {
    let plain = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | '/' | ':' | '@');
    let dotted = text.contains("..") || text.starts_with('.') || text.ends_with('.');
    if field.kind() != Kind::Pair && !text.is_empty() && text.chars().all(plain) && !dotted {
        return out.write_str(text);
    }
    quoted(out, text)
}

/// A single word of letters and digits stands as it is.
fn quoted(out: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let is_word = !text.is_empty() && text.chars().all(char::is_alphanumeric);
    if is_word && !["AND", "OR", "NOT"].contains(&text) {
        return out.write_str(text);
    }
    out.write_char('"')?;
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            out.write_char('\\')?;
        }
        out.write_char(char)?;
    }
    out.write_char('"')
}
