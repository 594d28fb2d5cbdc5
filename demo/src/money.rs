//! Amounts, in cents: whole numbers, so that sums are exact.

use std::fmt;

use serde::Serialize;

/// An amount in cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct Cents(pub(crate) u32);

impl Cents {
    pub(crate) fn times(self, count: u32) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// As a number of whole units, for an event's measures.
    pub(crate) fn amount(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl std::iter::Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.fold(0, |sum, one| sum.saturating_add(one.0)))
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "¥{}.{:02}", self.0 / 100, self.0 % 100)
    }
}
