//! Models of the sinks, honest about what the real ones do wrong.
//!
//! *Rows* (ClickHouse): a token is forgotten after its window; a crash can log the token without the part;
//! merges drop twins. *Replicas* (ClickHouse replicated): a part has its token or neither is there, and what is read
//! may lag until the replica was told to catch up. Rows of both are gone once they are past their time, also
//! when they were inserted a moment ago. *Segments*: create-only, whole or not at all. *Search*: create by id, first wins,
//! a bulk request may be done in part, documents past their time go and leave their id free.

use std::collections::{BTreeMap, BTreeSet};

use super::log::LOG_ID;

/// Deduplication window: longer than the longest freeze before a send and the longest request together.
pub(super) const TOKEN_WINDOW: u64 = 45_000;
pub(super) const LONGEST_REQUEST: u64 = 20_000;
/// How long a process may freeze between its look at the lease and the system call that sends.
pub(super) const LONGEST_HOLD_UP: u64 = 20_000;

/// When the rows of an identity are past their time.
pub(super) fn expires_at(identity: u32) -> u64 {
    if identity % 7 == 3 {
        4_000 + u64::from(identity) * 331 % 9_000
    } else {
        u64::MAX
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rows,
    Replicas,
    Segments,
    Search,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) partition: u32,
    pub(super) offset: u64,
    pub(super) identity: u32,
    pub(super) session: u32,
}

/// What a range becomes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    pub(super) erasures: Vec<u32>,
}

/// How a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Whole,
    /// The server dies half-way: a token without a part; half of a bulk request.
    Crashed,
}

/// The stored object is of other records: the log isn't the one it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OtherContent;

pub(super) struct Sink {
    pub(super) kind: Kind,
    guards: SinkGuards,
    /// Its clock.
    pub(super) now: u64,
    /// How far behind the replica is that is read.
    pub(super) lag: u64,
    rows: Vec<Row>,
    /// When a row was inserted last.
    inserted: BTreeMap<Row, u64>,
    tokens: BTreeMap<String, u64>,
    objects: BTreeMap<String, Vec<Row>>,
    docs: BTreeMap<u32, Option<Row>>,
    /// The create-only objects that say who is erased; written before the erasure records are.
    pub(super) erased: BTreeSet<u32>,
}

/// What settling and the sinks rely on; each can be taken away to see that it is needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct SinkGuards {
    /// The stored footer must be ours.
    pub(super) footer: bool,
    /// A row past its time is not missed.
    pub(super) expiry: bool,
    /// A replica catches up before it is read back.
    pub(super) catch_up: bool,
    /// How long tokens are known.
    pub(super) token_window: u64,
}

impl Default for SinkGuards {
    fn default() -> Self {
        Self {
            footer: true,
            expiry: true,
            catch_up: true,
            token_window: TOKEN_WINDOW,
        }
    }
}

impl Sink {
    pub(super) fn new(kind: Kind, guards: SinkGuards) -> Self {
        Self {
            kind,
            guards,
            now: 0,
            lag: 0,
            rows: Vec::new(),
            inserted: BTreeMap::new(),
            tokens: BTreeMap::new(),
            objects: BTreeMap::new(),
            docs: BTreeMap::new(),
            erased: BTreeSet::new(),
        }
    }

    /// One request under a name.
    pub(super) fn write(
        &mut self,
        token: &str,
        rows: &[Row],
        batch: &Batch,
        how: How,
    ) -> Result<(), OtherContent> {
        match self.kind {
            Kind::Rows | Kind::Replicas => self.insert(token, rows, how),
            Kind::Segments => self.put(token, rows, how)?,
            Kind::Search => self.create(rows, how),
        }
        if how == How::Whole {
            batch.erasures.iter().for_each(|session| self.erase(*session));
        }
        Ok(())
    }

    fn insert(&mut self, token: &str, rows: &[Row], how: How) {
        let now = self.now;
        self.tokens.retain(|_, until| now < *until);
        let whole = how == How::Whole;
        if rows.is_empty() || (!whole && self.kind == Kind::Replicas) {
            return;
        }
        let until = now + self.guards.token_window;
        if self.tokens.insert(token.to_owned(), until).is_none() && whole {
            self.rows.extend(rows);
            self.inserted.extend(rows.iter().map(|row| (*row, now)));
            self.expire();
        }
    }

    /// What is past its time goes.
    pub(super) fn expire(&mut self) {
        let past = |row: &Row| expires_at(row.identity) <= self.now;
        self.rows.retain(|row| !past(row));
        self.docs.retain(|_, doc| !doc.as_ref().is_some_and(past));
    }

    /// What of these rows is still to be written under the name.
    pub(super) fn read_back(&self, name: &str, rows: &[Row]) -> Result<Vec<Row>, OtherContent> {
        match self.objects.get(name).filter(|_| !rows.is_empty()) {
            Some(stored) => self.compare(stored, rows).map(|()| Vec::new()),
            None => Ok(self.absent(rows)),
        }
    }

    fn put(&mut self, name: &str, rows: &[Row], how: How) -> Result<(), OtherContent> {
        if rows.is_empty() || how == How::Crashed {
            return Ok(());
        }
        match self.objects.get(name) {
            Some(stored) => self.compare(stored, rows),
            None => {
                self.objects.insert(name.to_owned(), rows.to_vec());
                Ok(())
            }
        }
    }

    /// The stored footer wins; it must be ours save for what was erased, what retention has eaten since, and
    /// what another object holds.
    fn compare(&self, stored: &[Row], rows: &[Row]) -> Result<(), OtherContent> {
        let gone = |row: &Row| self.erased.contains(&row.session);
        let first = rows[0].offset;
        let unknown = stored
            .iter()
            .any(|row| row.offset >= first && !rows.contains(row) && !gone(row));
        let missing = !self.absent(rows).is_empty();
        if self.guards.footer && (unknown || missing) {
            Err(OtherContent)
        } else {
            Ok(())
        }
    }

    fn create(&mut self, rows: &[Row], how: How) {
        let count = if how == How::Whole {
            rows.len()
        } else {
            rows.len() / 2
        };
        for row in &rows[..count] {
            self.docs.entry(row.identity).or_insert(Some(*row));
        }
    }

    /// The rows of which read-back finds nothing: neither their position, nor their identity at a winning
    /// one, nor an erasure, nor that their time is past.
    fn absent(&self, rows: &[Row]) -> Vec<Row> {
        let late = |row: &Row| self.inserted.get(row).is_some_and(|at| at + self.lag > self.now);
        let lags = self.kind == Kind::Replicas && !self.guards.catch_up;
        let mut held = self.held();
        held.retain(|row| !(lags && late(row)));
        let wins = |row: &Row, other: &Row| other.identity == row.identity && other.offset <= row.offset;
        rows.iter()
            .filter(|row| !self.erased.contains(&row.session))
            .filter(|row| !self.guards.expiry || expires_at(row.identity) > self.now)
            .filter(|row| !held.iter().any(|other| wins(row, other)))
            .copied()
            .collect()
    }

    pub(super) fn has_rows(&self, partition: u32) -> bool {
        self.held().iter().any(|row| row.partition == partition)
    }

    /// Removes a session as far as it is there now.
    pub(super) fn erase(&mut self, session: u32) {
        self.rows.retain(|row| row.session != session);
        for object in self.objects.values_mut() {
            object.retain(|row| row.session != session);
        }
        for doc in self.docs.values_mut() {
            doc.take_if(|row| row.session == session);
        }
    }

    /// Replacing merges: of one identity the lowest position stays.
    pub(super) fn merge(&mut self) {
        let mut lowest: BTreeMap<u32, u64> = BTreeMap::new();
        for row in &self.rows {
            let offset = lowest.entry(row.identity).or_insert(row.offset);
            *offset = (*offset).min(row.offset);
        }
        self.rows.retain(|row| lowest[&row.identity] == row.offset);
    }

    /// All that is physically there, repeats included.
    pub(super) fn held(&self) -> Vec<Row> {
        match self.kind {
            Kind::Rows | Kind::Replicas => self.rows.clone(),
            Kind::Segments => self.objects.values().flatten().copied().collect(),
            Kind::Search => self.docs.values().flatten().copied().collect(),
        }
    }
}

/// Names tokens; epochs are for tokens that were logged without their part.
pub(super) fn token(name: &impl std::fmt::Display, epoch: u32) -> String {
    debug_assert!(name.to_string().contains(&LOG_ID.to_string()));
    if epoch == 0 {
        name.to_string()
    } else {
        format!("{name}#{epoch}")
    }
}
