//! From the query tree to tantivy's queries. Nothing is scored: an auditor's list is in order of time.
//!
//! **Bound:** `word*` after other words (a phrase with a prefix) expands to [`EXPANSIONS`] words of a segment.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, FastFieldRangeQuery, InvertedIndexRangeQuery, Occur,
    PhrasePrefixQuery, PhraseQuery, Query as Executable, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field as Column, IndexRecordOption};

use hindsight_schemas::ids::{ProjectId, SessionId};

use super::super::cursor::project_hash;
use super::super::fields::{Field, Kind};
use super::super::query::{Match, Query, Words};
use super::super::tokens::words;
use super::super::{AuditSearch, Projects};
use super::document::as_v6;
use super::layout::{ACTIVITY, AUDIT, Layout};

/// Words that the last one of a phrase stands for at most.
pub(super) const EXPANSIONS: u32 = 1024;

type Boxed = Box<dyn Executable>;

impl Layout {
    /// All audit events that a search may and should find.
    pub(super) fn audit_query(&self, search: &AuditSearch) -> Boxed {
        let mut must = vec![self.term(self.kind, AUDIT), self.query(&search.query)];
        must.extend(self.project_filter(&search.projects));
        must.extend(self.within(self.occurred_at, search.from_us, search.to_us));
        all(must)
    }

    /// Batches with these words, in which something happened between the times (Unix milliseconds).
    pub(super) fn activity_query(
        &self,
        text: &Query,
        reference: Option<&str>,
        projects: &Projects,
        (from_ms, to_ms): (Option<i64>, Option<i64>),
    ) -> Boxed {
        let mut must = vec![self.term(self.kind, ACTIVITY), self.activity_words(text)];
        must.extend(reference.map(|name| {
            self.term(
                self.terms_of(Field::Reference),
                &Field::Reference.normalized(name),
            )
        }));
        must.extend(self.project_filter(projects));
        let [from, to] = [from_ms, to_ms].map(|ms| ms.map(|ms| ms.saturating_mul(1000)));
        must.extend(self.within(self.occurred_at, from, None));
        must.extend(self.within(self.started_at, None, to));
        all(must)
    }

    /// The batches of a session.
    pub(super) fn session_query(&self, project: &ProjectId, session: SessionId) -> Boxed {
        all(vec![
            self.term(self.kind, ACTIVITY),
            self.term(self.project, project.as_str()),
            self.term(self.terms_of(Field::Session), &session.to_string()),
        ])
    }

    /// Whatever expired before this moment, Unix seconds. Stubs never do.
    pub(super) fn expired_query(&self, now_s: i64) -> Boxed {
        let before = self.within(self.expires_at, None, Some(now_s));
        before.expect("one end is given")
    }

    fn query(&self, query: &Query) -> Boxed {
        match query {
            Query::All => Box::new(AllQuery),
            Query::And(parts) => all(parts.iter().map(|part| self.query(part)).collect()),
            Query::Or(parts) => any(parts.iter().map(|part| self.query(part)).collect()),
            Query::Not(inner) => without(self.query(inner)),
            Query::Text(Words { text, prefix }) => self.words(self.text, text, *prefix),
            Query::Field { field, any: values } => {
                any(values.iter().map(|value| self.value(*field, value)).collect())
            }
        }
    }

    /// The text part of a query on batches: fields mean nothing there.
    fn activity_words(&self, query: &Query) -> Boxed {
        match query {
            Query::And(parts) => all(parts.iter().map(|part| self.activity_words(part)).collect()),
            Query::Text(Words { text, prefix }) => self.words(self.activity, text, *prefix),
            _ => Box::new(AllQuery),
        }
    }

    fn value(&self, field: Field, value: &Match) -> Boxed {
        if field == Field::User {
            let name = self.value(Field::UserName, &value.folded());
            return any(vec![self.value(Field::UserId, value), name]);
        }
        match value {
            Match::Addresses(first, last) => {
                let [first, last] = [first, last].map(|ip| Term::from_field_ip_addr(self.ip, as_v6(*ip)));
                Box::new(FastFieldRangeQuery::new(
                    Bound::Included(first),
                    Bound::Included(last),
                ))
            }
            Match::Times(from, to) => self
                .within(self.occurred_at, *from, *to)
                .unwrap_or_else(|| Box::new(AllQuery)),
            Match::Present if field.kind() == Kind::Address => {
                let least = Term::from_field_ip_addr(self.ip, std::net::Ipv6Addr::UNSPECIFIED);
                Box::new(FastFieldRangeQuery::new(Bound::Included(least), Bound::Unbounded))
            }
            Match::Present if field.kind() == Kind::Time => Box::new(AllQuery),
            Match::Present => self.prefix(self.terms_of(field), ""),
            Match::Exact(text) if field.kind() == Kind::Text => self.words(self.terms_of(field), text, false),
            Match::Prefix(text) if field.kind() == Kind::Text => self.words(self.terms_of(field), text, true),
            Match::Exact(text) if field.kind() == Kind::Path => {
                let column = self.terms_of(field);
                any(vec![
                    self.term(column, text),
                    self.prefix(column, &format!("{text}.")),
                ])
            }
            Match::Exact(text) => self.term(self.terms_of(field), text),
            Match::Prefix(text) => self.prefix(self.terms_of(field), text),
            Match::Between(from, to) => between(self.terms_of(field), as_str(from), as_str(to)),
        }
    }

    fn words(&self, column: Column, text: &str, prefix: bool) -> Boxed {
        let words: Vec<String> = words(text).collect();
        let terms: Vec<Term> = words
            .iter()
            .map(|word| Term::from_field_text(column, word))
            .collect();
        match (terms.len(), prefix) {
            (0, _) => Box::new(EmptyQuery),
            (1, false) => self.term(column, &words[0]),
            (1, true) => self.prefix(column, &words[0]),
            (_, false) => Box::new(PhraseQuery::new(terms)),
            (_, true) => {
                let mut query = PhrasePrefixQuery::new(terms);
                query.set_max_expansions(EXPANSIONS);
                Box::new(query)
            }
        }
    }

    fn project_filter(&self, projects: &Projects) -> Option<Boxed> {
        let Projects::Only(list) = projects else {
            return None;
        };
        let hash = |text: &str| Term::from_field_u64(self.project_hash, project_hash(text));
        Some(Box::new(TermSetQuery::new(
            list.iter().map(|project| hash(project.as_str())),
        )))
    }

    /// A range of a column of times, half-open; None if it has no ends.
    fn within(&self, column: Column, from: Option<i64>, to: Option<i64>) -> Option<Boxed> {
        let end = |at| Term::from_field_i64(column, at);
        match (from, to) {
            (None, None) => None,
            (Some(from), Some(to)) if from >= to => Some(Box::new(EmptyQuery)),
            _ => {
                let from = from.map_or(Bound::Unbounded, |at| Bound::Included(end(at)));
                let to = to.map_or(Bound::Unbounded, |at| Bound::Excluded(end(at)));
                Some(Box::new(FastFieldRangeQuery::new(from, to)))
            }
        }
    }

    fn term(&self, column: Column, text: &str) -> Boxed {
        Box::new(TermQuery::new(
            Term::from_field_text(column, text),
            IndexRecordOption::Basic,
        ))
    }

    fn prefix(&self, column: Column, prefix: &str) -> Boxed {
        between(
            column,
            Bound::Included(prefix),
            after_prefix(prefix)
                .as_deref()
                .map_or(Bound::Unbounded, Bound::Excluded),
        )
    }
}

fn between(column: Column, from: Bound<&str>, to: Bound<&str>) -> Boxed {
    let term = |text: &str| Term::from_field_text(column, text);
    let from = if from == Bound::Unbounded {
        Bound::Included("")
    } else {
        from
    };
    Box::new(InvertedIndexRangeQuery::new(from.map(term), to.map(term)))
}

fn as_str(bound: &Bound<String>) -> Bound<&str> {
    bound.as_ref().map(String::as_str)
}

/// The least text that is greater than all with this prefix (UTF-8 sorts as its characters do).
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The range skips surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            return Some(chars.into_iter().chain([next]).collect());
        }
    }
    None
}

fn all(mut parts: Vec<Boxed>) -> Boxed {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        Box::new(BooleanQuery::intersection(parts))
    }
}

fn any(mut parts: Vec<Boxed>) -> Boxed {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        Box::new(BooleanQuery::union(parts))
    }
}

fn without(inner: Boxed) -> Boxed {
    let everything: Boxed = Box::new(AllQuery);
    Box::new(BooleanQuery::new(vec![
        (Occur::Must, everything),
        (Occur::MustNot, inner),
    ]))
}
