//! Models of the three sinks, honest about what the real ones do wrong.
//!
//! *Rows* (ClickHouse): a token is forgotten after its window; a crash can log the token without the part;
//! merges drop twins. *Segments*: create-only, whole or not at all. *Search*: create by id, first wins, a bulk
//! request may be done in part. Not modelled: expiry of rows by time, lagging replicas.

use std::collections::{BTreeMap, BTreeSet};

use super::log::LOG_ID;

/// Deduplication window: longer than lease and longest request together.
pub(super) const TOKEN_WINDOW: u64 = 40_000;
pub(super) const LONGEST_REQUEST: u64 = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rows,
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
    pub(super) check_footer: bool,
    rows: Vec<Row>,
    tokens: BTreeMap<String, u64>,
    objects: BTreeMap<String, Vec<Row>>,
    docs: BTreeMap<u32, Option<Row>>,
    /// The create-only objects that say who is erased; written before the erasure records are.
    pub(super) erased: BTreeSet<u32>,
}

impl Sink {
    pub(super) fn new(kind: Kind, check_footer: bool) -> Self {
        Self {
            kind,
            check_footer,
            rows: Vec::new(),
            tokens: BTreeMap::new(),
            objects: BTreeMap::new(),
            docs: BTreeMap::new(),
            erased: BTreeSet::new(),
        }
    }

    /// One request under a name.
    pub(super) fn write(
        &mut self,
        now: u64,
        token: &str,
        rows: &[Row],
        batch: &Batch,
        how: How,
    ) -> Result<(), OtherContent> {
        match self.kind {
            Kind::Rows => self.insert(now, token, rows, how),
            Kind::Segments => self.put(token, rows, how)?,
            Kind::Search => self.create(rows, how),
        }
        if how == How::Whole {
            batch.erasures.iter().for_each(|session| self.erase(*session));
        }
        Ok(())
    }

    fn insert(&mut self, now: u64, token: &str, rows: &[Row], how: How) {
        self.tokens.retain(|_, until| now < *until);
        if !rows.is_empty() && self.tokens.insert(token.to_owned(), now + TOKEN_WINDOW).is_none() {
            let whole = how == How::Whole;
            self.rows.extend(rows.iter().filter(|_| whole));
        }
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
        if self.check_footer && (unknown || missing) {
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
    /// one, nor an erasure.
    fn absent(&self, rows: &[Row]) -> Vec<Row> {
        let held = self.held();
        let wins = |row: &Row, other: &Row| other.identity == row.identity && other.offset <= row.offset;
        rows.iter()
            .filter(|row| !self.erased.contains(&row.session))
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
            Kind::Rows => self.rows.clone(),
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
