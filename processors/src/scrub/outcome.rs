//! What becomes of a record in a view. Pure.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use hindsight_schemas::ids::{Position, Topic};

/// A view that is compared with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    /// Rows in ClickHouse.
    Analytics,
    /// Documents.
    Search,
    /// Frames, and where they lie.
    Replay,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Analytics, Self::Search, Self::Replay];

    /// As in groups, dead letters and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Analytics => "analytics",
            Self::Search => "search",
            Self::Replay => "replay",
        }
    }

    /// Whether it is made of this topic.
    pub(super) fn reads(self, topic: Topic) -> bool {
        match topic {
            Topic::Recordings => true,
            Topic::Audit => self != Self::Replay,
            _ => false,
        }
    }
}

/// How a record stands in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It is there once.
    Found,
    /// A twin has its identity.
    Twin,
    /// It is not there: it was erased.
    Erased,
    /// It is not there: its retention is over.
    Expired,
    /// It is not there: the view refused it, and its dead letter says why.
    Refused,
    /// It is not there, and should be.
    Missing,
    /// It is there more than once.
    Twice,
    /// Something else is there under its identity.
    Different,
    /// It is there, and what was stored can't be read any more.
    Unreadable,
    /// The view did not answer, or the record is of a newer version.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Found,
        Self::Twin,
        Self::Erased,
        Self::Expired,
        Self::Refused,
        Self::Missing,
        Self::Twice,
        Self::Different,
        Self::Unreadable,
        Self::Unknown,
    ];

    /// As in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Twin => "twin",
            Self::Erased => "erased",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::Twice => "twice",
            Self::Different => "different",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a promise is broken.
    pub fn is_loss(self) -> bool {
        matches!(
            self,
            Self::Missing | Self::Twice | Self::Different | Self::Unreadable
        )
    }
}

/// A record that a view does not have as promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Which view.
    pub view: View,
    /// How it stands there.
    pub outcome: Outcome,
    /// Where the record lies in the log.
    pub position: Position,
    /// Whose it is: `project/session/tab/seq` or `project/id`; empty where the record can't be read.
    pub identity: String,
}

impl Loss {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match (self.view, self.outcome) {
            (View::Analytics, _) => "hindsight rebuild analytics",
            (View::Search, _) => "hindsight rebuild search",
            (View::Replay, Outcome::Unreadable) => {
                "put the object back from a copy of the bucket (docs/guarantees.md, 'The bucket is older')"
            }
            (View::Replay, _) => {
                "hindsight rebuild replay-index; if its object is gone, set back replay (docs/guarantees.md, 'The bucket \
                 is older')"
            }
        }
    }
}

/// How many records stand how in which view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(View, Outcome), u64>);

impl Tally {
    /// Counts one.
    pub(super) fn add(&mut self, view: View, outcome: Outcome) {
        *self.0.entry((view, outcome)).or_default() += 1;
    }

    /// Each that was counted.
    pub fn each(&self) -> impl Iterator<Item = (View, Outcome, u64)> + '_ {
        self.0
            .iter()
            .map(|((view, outcome), count)| (*view, *outcome, *count))
    }

    /// How many stand like this in any view.
    pub fn sum(&self, of: impl Fn(Outcome) -> bool) -> u64 {
        self.each()
            .filter_map(|(_, outcome, count)| of(outcome).then_some(count))
            .sum()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        for (key, count) in more.0 {
            *self.0.entry(key).or_default() += count;
        }
    }
}
