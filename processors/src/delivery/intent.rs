//! What a commit says besides its offset: which range is pending, and up to where ranges must be settled.
//!
//! **Invariant:** every commit of ours has a text that is read back here. A commit without one was made by
//! hand (offsets reset), so nobody knows what lies behind it and the lane settles instead of writing.
//!
//! Text: `pending <first>..<last> v<version>` or `done v<version>`, then maybe ` settle..<offset>`. Under 100
//! bytes; Kafka's bound is 4096.

use hindsight_engines::log::Committed;
use hindsight_schemas::ids::Offset;

/// A commit of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// Everything before is done.
    pub offset: Offset,
    /// The last record of the range that starts at `offset` and may be written; `None`: nothing is pending.
    pub pending: Option<Offset>,
    /// The version of the materializer that cut it.
    pub version: u32,
    /// Ranges that start below are settled, not written: the view held rows that no commit spoke of. 0: none.
    pub settle_until: Offset,
}

impl Intent {
    /// As the log keeps it.
    pub fn to_committed(self) -> Committed {
        let Self {
            offset,
            pending,
            version,
            settle_until,
        } = self;
        let mut metadata = match pending {
            Some(last) => format!("pending {offset}..{last} v{version}"),
            None => format!("done v{version}"),
        };
        if settle_until > offset {
            metadata.push_str(&format!(" settle..{settle_until}"));
        }
        Committed { offset, metadata }
    }

    /// Reads a commit; `None` if it is not one of ours.
    pub fn read(committed: &Committed) -> Option<Self> {
        let (text, settle_until) = match committed.metadata.split_once(" settle..") {
            Some((text, until)) => (text, until.parse().ok()?),
            None => (committed.metadata.as_str(), 0),
        };
        let (text, version) = text.rsplit_once(" v")?;
        let pending = match text.strip_prefix("pending ") {
            Some(range) => Some(pending_last(range, committed.offset)?),
            None if text == "done" => None,
            None => return None,
        };
        Some(Self {
            offset: committed.offset,
            pending,
            version: version.parse().ok()?,
            settle_until,
        })
    }
}

fn pending_last(range: &str, offset: Offset) -> Option<Offset> {
    let (first, last) = range.split_once("..")?;
    let (first, last): (Offset, Offset) = (first.parse().ok()?, last.parse().ok()?);
    (first == offset && first <= last).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_read_back() {
        for pending in [None, Some(7), Some(19)] {
            for settle_until in [0, 40] {
                let intent = Intent {
                    offset: 7,
                    pending,
                    version: 3,
                    settle_until,
                };
                assert_eq!(Intent::read(&intent.to_committed()), Some(intent));
            }
        }
    }

    #[test]
    fn what_others_committed_is_not_taken_for_ours() {
        for metadata in [
            "",
            "done",
            "v1",
            "pending 8..9 v1",
            "pending 7..6 v1",
            "pending 7..9 vx",
        ] {
            let committed = Committed {
                offset: 7,
                metadata: metadata.into(),
            };
            assert_eq!(Intent::read(&committed), None, "{metadata:?}");
        }
    }
}
