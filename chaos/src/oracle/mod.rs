//! The conservation oracle: everything that was answered 202 is found exactly once in ClickHouse, search and replay -
//! and nothing else is.
//!
//! Two looks. [`seen`] reads as people do, by the API, and compares with what writers remember. [`stored`] reads the log
//! and what the engines hold beneath the API, and compares by identity and by position: rows that a view would hide,
//! documents, frames.

pub mod documents;
pub mod seen;
pub mod segments;
pub mod stored;
pub mod tables;
pub mod truth;

use std::collections::BTreeMap;
use std::fmt;

use crate::load::Writer;
use crate::reader::Reader;

/// Of each kind so many are told in words.
const TOLD: usize = 20;

/// What does not add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Promised, and not there.
    pub missing: u64,
    /// There more than once.
    pub double: u64,
    /// There, and not promised, or not as it was sent.
    pub odd: u64,
    words: Vec<String>,
}

impl Findings {
    /// Something promised is not there.
    pub fn missing(&mut self, what: impl fmt::Display) {
        self.missing += 1;
        self.tell(format!("missing: {what}"));
    }

    /// Something is there more than once.
    pub fn double(&mut self, what: impl fmt::Display) {
        self.double += 1;
        self.tell(format!("double: {what}"));
    }

    /// Something is there that should not be, or not as it was sent.
    pub fn odd(&mut self, what: impl fmt::Display) {
        self.odd += 1;
        self.tell(format!("odd: {what}"));
    }

    fn tell(&mut self, words: String) {
        if self.words.len() < TOLD {
            self.words.push(words);
        }
    }

    /// What another look found.
    pub fn add(&mut self, more: Self) {
        self.missing += more.missing;
        self.double += more.double;
        self.odd += more.odd;
        more.words.into_iter().for_each(|words| self.tell(words));
    }

    /// Whether all adds up.
    pub fn is_clean(&self) -> bool {
        self.missing + self.double + self.odd == 0
    }

    /// Compares what was found, each with how often, with what was promised once each.
    fn compare<K: Ord + fmt::Debug>(
        &mut self,
        place: &str,
        mut found: BTreeMap<K, u64>,
        promised: impl IntoIterator<Item = K>,
    ) {
        for each in promised {
            match found.remove(&each) {
                None | Some(0) => self.missing(format_args!("{each:?} in {place}")),
                Some(1) => {}
                Some(times) => self.double(format_args!("{each:?} in {place}, {times} times")),
            }
        }
        for each in found.keys() {
            self.odd(format_args!("{each:?} in {place}, which nobody was promised"));
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            missing, double, odd, ..
        } = self;
        write!(out, "missing {missing}, double {double}, odd {odd}")?;
        for words in &self.words {
            write!(out, "\n  {words}")?;
        }
        Ok(())
    }
}

/// Checks every promise as people see it; panics with what is missing or double.
pub async fn check(reader: &Reader, writers: &[Writer]) {
    let writers: Vec<&Writer> = writers.iter().collect();
    let found = seen::look(reader, &writers, &writers).await;
    assert!(found.is_clean(), "{found}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_difference_is_counted_and_named() {
        let mut findings = Findings::default();
        findings.compare(
            "a place",
            BTreeMap::from([("once", 1), ("twice", 2), ("unknown", 1)]),
            ["once", "twice", "gone"],
        );
        assert_eq!((findings.missing, findings.double, findings.odd), (1, 1, 1));
        let told = findings.to_string();
        for words in ["missing: \"gone\"", "double: \"twice\"", "odd: \"unknown\""] {
            assert!(told.contains(words), "{told}");
        }
    }
}
