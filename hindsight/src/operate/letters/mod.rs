//! What the views refused: listed, shown, sent again.
//!
//! **Invariants.** A letter that was written twice is one, under the place of the first. What became of a resend is read
//! from the log alone: the mark, the view's commit, a letter of the record in its new place. **Bound**: [`list::MOST`].

mod list;
mod resend;
mod show;

use std::fmt;
use std::str::FromStr;

use hindsight_schemas::ids::{Offset, Partition, Topic};
use serde::{Deserialize, Serialize};

pub(super) use list::list;
pub(crate) use resend::Outcome;
pub(super) use resend::resend;
pub(super) use show::show;

/// Where a letter lies: `partition/offset` of the topic of the dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LetterId {
    pub(super) partition: u32,
    pub(super) offset: Offset,
}

impl LetterId {
    fn place(self) -> Partition {
        Partition {
            topic: Topic::DeadLetters,
            partition: self.partition,
        }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.partition, self.offset)
    }
}

impl FromStr for LetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        parts
            .and_then(|(partition, offset)| {
                Some(Self {
                    partition: partition.parse().ok()?,
                    offset: offset.parse().ok()?,
                })
            })
            .ok_or_else(|| "a letter is named as in the list: partition/offset, for example 0/17".to_owned())
    }
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nobody has sent the record again.
    Waiting,
    /// It was sent again; the view has not come to it yet.
    Resent,
    /// It was sent again, and is in the view.
    Applied,
    /// It was sent again, and refused again.
    RefusedAgain,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Resent => "resent",
            State::Applied => "applied",
            State::RefusedAgain => "refused again",
        }
    }
}

/// A letter in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) view: String,
    pub(crate) reason: String,
    pub(crate) detail: String,
    /// Where the record was refused: topic/partition and offset.
    pub(crate) partition: String,
    pub(crate) offset: Offset,
    /// When the log got it, and when the view refused it; RFC 3339.
    pub(crate) appended_at: String,
    pub(crate) refused_at: String,
    pub(crate) bytes: usize,
    pub(crate) state: State,
    /// The offset in the same partition at which the record lies again.
    pub(crate) resent_to: Option<Offset>,
    /// The letter of the record in its new place.
    pub(crate) refused_again_as: Option<String>,
}

/// All letters that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct List {
    pub(crate) letters: Vec<Listed>,
    /// Older ones that are kept and not listed.
    pub(crate) left_out: usize,
    /// Records of the topic that are no letters.
    pub(crate) strange: usize,
}
