//! The query tree: what a query means, free of how it was written and of the engine that answers it.
//!
//! **Invariant:** trees made by [`Query::and`], [`Query::or`] and the parser are flat (no AND directly in an
//! AND, no group of one), so printing a tree and parsing the text gives the same tree.
//! **Bounds:** [`QUERY_BYTES`], [`NESTING`] and [`TERMS`], checked by the parser.

use std::net::IpAddr;
use std::ops::Bound;

use hindsight_schemas::documents::folded;

use super::fields::Field;

/// Bytes of a query's text.
pub const QUERY_BYTES: usize = 4096;
/// Groups and negations within each other.
pub const NESTING: usize = 16;
/// Values and words in one query.
pub const TERMS: usize = 256;

/// What to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Everything: the empty query.
    All,
    /// Each of these.
    And(Vec<Query>),
    /// At least one of these.
    Or(Vec<Query>),
    /// What does not match this.
    Not(Box<Query>),
    /// A run of words anywhere in the event.
    Text(Words),
    /// A field with one of these values.
    Field {
        /// Which.
        field: Field,
        /// The values; never empty.
        any: Vec<Match>,
    },
}

/// A run of words that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The text; [`super::tokens`] makes words of it.
    pub text: String,
    /// The last word is only the beginning of one.
    pub prefix: bool,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// This one (of a text: this run of words).
    Exact(String),
    /// One that begins so.
    Prefix(String),
    /// One between these, in the order of bytes.
    Between(Bound<String>, Bound<String>),
    /// An address within these, both included.
    Addresses(IpAddr, IpAddr),
    /// A time at or after the first and before the second, Unix microseconds.
    Times(Option<i64>, Option<i64>),
    /// Any value at all.
    Present,
}

impl Match {
    /// The same in lower case, for a field that holds values so.
    pub fn folded(&self) -> Self {
        let lower = |bound: &Bound<String>| bound.as_ref().map(|text| folded(text));
        match self {
            Match::Exact(text) => Match::Exact(folded(text)),
            Match::Prefix(text) => Match::Prefix(folded(text)),
            Match::Between(from, to) => Match::Between(lower(from), lower(to)),
            other => other.clone(),
        }
    }
}

impl Query {
    /// A field with one value.
    pub fn field(field: Field, value: Match) -> Self {
        Query::Field {
            field,
            any: vec![value],
        }
    }

    /// All of these; of none: everything.
    pub fn and(parts: impl IntoIterator<Item = Query>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Query::And(inner) => flat.extend(inner),
                Query::All => {}
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Query::All,
            1 => flat.remove(0),
            _ => Query::And(flat),
        }
    }

    /// One of these; of none: everything.
    pub fn or(parts: impl IntoIterator<Item = Query>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Query::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Query::All,
            1 => flat.remove(0),
            _ => Query::Or(flat),
        }
    }
}
