//! From the query tree to Elasticsearch's query language. Nothing is scored: an auditor's list is in order of
//! time. Pure.
//!
//! **Invariant:** a query that the parser takes is within Elasticsearch's own limit of 30 queries within each
//! other: AND, the negations in it and its deepest OR share one `bool`, so each nesting costs one.
//! **Bound:** `word*` after other words expands to [`EXPANSIONS`] words.

use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::super::cursor::SortKey;
use super::super::fields::{Field, Kind};
use super::super::query::{Match, Query, Words};
use super::super::{AuditSearch, Projects, SessionSearch, SortOrder, parse};
use super::document::{ACTIVITY, AUDIT, words};

/// Words that the last one of a phrase stands for at most.
const EXPANSIONS: u32 = 1024;

/// All audit events that a search may and should find.
pub(super) fn audit_query(search: &AuditSearch) -> Value {
    let mut filter = vec![term("kind", AUDIT)];
    filter.extend(project_filter(&search.projects));
    filter.extend(within("occurred_at_us", search.from_us, search.to_us));
    filter.push(clause(&search.query));
    json!({ "bool": { "filter": filter } })
}

/// The order of a page of audit events.
pub(super) fn audit_sort(sort: SortOrder) -> Value {
    let order = match sort {
        SortOrder::NewestFirst => "desc",
        SortOrder::OldestFirst => "asc",
    };
    json!([{ "occurred_at_us": order }, { "id": order }, { "project_hash": order }])
}

/// The place of a key in that order.
pub(super) fn place_of(key: SortKey) -> Value {
    let id = uuid::Uuid::from_u128(key.id).to_string();
    json!([key.occurred_at_us, id, format!("{:016x}", key.project_hash)])
}

/// Batches with these words, in which something happened between the times.
pub(super) fn activity_query(search: &SessionSearch) -> Value {
    let mut filter = vec![
        term("kind", ACTIVITY),
        activity_words(&parse::text_only(&search.text)),
    ];
    if let Some(name) = &search.reference {
        filter.push(term("reference", &Field::Reference.normalized(name)));
    }
    filter.extend(project_filter(&search.projects));
    filter.extend(within("ended_at_ms", search.from_ms, None));
    filter.extend(within("started_at_ms", None, search.to_ms));
    json!({ "bool": { "filter": filter } })
}

/// The text part of a query on batches: fields mean nothing there.
fn activity_words(query: &Query) -> Value {
    match query {
        Query::And(parts) => {
            json!({ "bool": { "filter": parts.iter().map(activity_words).collect::<Vec<_>>() } })
        }
        Query::Text(Words { text, prefix }) => phrase("text", text, *prefix),
        _ => everything(),
    }
}

fn clause(query: &Query) -> Value {
    match query {
        Query::All => everything(),
        Query::And(parts) => conjunction(parts),
        Query::Or(parts) => any(parts.iter().map(clause).collect()),
        Query::Not(inner) => match &**inner {
            Query::Not(again) => clause(again),
            _ => json!({ "bool": { "must_not": denied(inner) } }),
        },
        Query::Text(Words { text, prefix }) => phrase("text", text, *prefix),
        Query::Field { field, any: values } => field_clause(*field, values),
    }
}

/// One `bool` for AND, its negations and its deepest OR.
fn conjunction(parts: &[Query]) -> Value {
    let is_or = |part: &&Query| matches!(part, Query::Or(_));
    let deepest = parts.iter().filter(is_or).max_by_key(|part| depth(part));
    let (mut filter, mut must_not) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Query::Not(inner) if !matches!(**inner, Query::Not(_)) => must_not.extend(denied(inner)),
            Query::Or(_) if deepest.is_some_and(|deepest| std::ptr::eq(deepest, part)) => {}
            other => filter.push(clause(other)),
        }
    }
    let mut bool = Map::new();
    bool.insert("filter".into(), filter.into());
    bool.insert("must_not".into(), must_not.into());
    if let Some(Query::Or(alternatives)) = deepest {
        bool.insert("should".into(), alternatives.iter().map(clause).collect());
        bool.insert("minimum_should_match".into(), 1.into());
    }
    json!({ "bool": bool })
}

/// What must not match, so that this doesn't: for an OR each of its parts.
fn denied(inner: &Query) -> Vec<Value> {
    match inner {
        Query::Or(parts) => parts.iter().map(clause).collect(),
        other => vec![clause(other)],
    }
}

fn depth(query: &Query) -> usize {
    match query {
        Query::And(parts) | Query::Or(parts) => 1 + parts.iter().map(depth).max().unwrap_or(0),
        Query::Not(inner) => 1 + depth(inner),
        _ => 0,
    }
}

fn field_clause(field: Field, values: &[Match]) -> Value {
    let whole = matches!(field.kind(), Kind::Keyword | Kind::Folded | Kind::Pair) && field != Field::User;
    let exact: Option<Vec<&str>> = values
        .iter()
        .map(|value| match value {
            Match::Exact(text) if whole => Some(text.as_str()),
            _ => None,
        })
        .collect();
    match exact {
        Some(texts) => json!({ "terms": { field.name(): texts } }),
        None => any(values
            .iter()
            .flat_map(|value| alternatives(field, value))
            .collect()),
    }
}

/// The queries of which one must match for a value to be there.
fn alternatives(field: Field, value: &Match) -> Vec<Value> {
    match (field, value) {
        (Field::User, _) => {
            let mut both = alternatives(Field::UserId, value);
            both.extend(alternatives(Field::UserName, &value.folded()));
            both
        }
        (_, Match::Exact(text)) if field.kind() == Kind::Path => {
            vec![
                term(field.name(), text),
                prefix(field.name(), &format!("{text}.")),
            ]
        }
        _ => vec![single(field, value)],
    }
}

fn single(field: Field, value: &Match) -> Value {
    let name = field.name();
    match value {
        Match::Addresses(first, last) => {
            json!({ "range": { "ip": { "gte": first.to_string(), "lte": last.to_string() } } })
        }
        Match::Times(from, to) => within("occurred_at_us", *from, *to).unwrap_or_else(everything),
        Match::Present if field.kind() == Kind::Time => everything(),
        Match::Present => json!({ "exists": { "field": name } }),
        Match::Exact(text) if field.kind() == Kind::Text => phrase(name, text, false),
        Match::Prefix(text) if field.kind() == Kind::Text => phrase(name, text, true),
        Match::Exact(text) => term(name, text),
        Match::Prefix(text) => prefix(name, text),
        Match::Between(from, to) => between(name, from, to),
    }
}

/// A run of words. They are cut here, so the analyzer has but to split at spaces.
fn phrase(field: &str, text: &str, is_prefix: bool) -> Value {
    let words = words(text);
    match (words.split(' ').count(), is_prefix) {
        _ if words.is_empty() => json!({ "match_none": {} }),
        (1, false) => term(field, &words),
        (1, true) => prefix(field, &words),
        (_, false) => json!({ "match_phrase": { field: { "query": words, "analyzer": "whitespace" } } }),
        (_, true) => json!({ "match_phrase_prefix": {
            field: { "query": words, "analyzer": "whitespace", "max_expansions": EXPANSIONS }
        } }),
    }
}

fn between(field: &str, from: &Bound<String>, to: &Bound<String>) -> Value {
    let mut range = Map::new();
    match from {
        Bound::Included(text) => drop(range.insert("gte".into(), text.as_str().into())),
        Bound::Excluded(text) => drop(range.insert("gt".into(), text.as_str().into())),
        Bound::Unbounded => {}
    }
    match to {
        Bound::Included(text) => drop(range.insert("lte".into(), text.as_str().into())),
        Bound::Excluded(text) => drop(range.insert("lt".into(), text.as_str().into())),
        Bound::Unbounded => {}
    }
    json!({ "range": { field: range } })
}

/// Half-open; None if it has no ends.
fn within(field: &str, from: Option<i64>, to: Option<i64>) -> Option<Value> {
    let mut range = Map::new();
    range.extend(from.map(|from| ("gte".to_owned(), from.into())));
    range.extend(to.map(|to| ("lt".to_owned(), to.into())));
    (!range.is_empty()).then(|| json!({ "range": { field: range } }))
}

fn project_filter(projects: &Projects) -> Option<Value> {
    let Projects::Only(list) = projects else {
        return None;
    };
    let names: Vec<&str> = list.iter().map(|project| project.as_str()).collect();
    Some(json!({ "terms": { "project": names } }))
}

fn term(field: &str, text: &str) -> Value {
    json!({ "term": { field: text } })
}

fn prefix(field: &str, text: &str) -> Value {
    json!({ "prefix": { field: text } })
}

fn everything() -> Value {
    json!({ "match_all": {} })
}

fn any(mut parts: Vec<Value>) -> Value {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        json!({ "bool": { "should": parts, "minimum_should_match": 1 } })
    }
}
