//! Where a lane begins: decided from what the group committed, what the log holds and what the view holds.
//!
//! **Invariant:** pure. Whenever something is not as this runtime would have left it, the answer is the slow
//! way that is always right (settle), an alarm, or a stop; never silence.

use hindsight_engines::log::Committed;
use hindsight_schemas::ids::Offset;

use super::{Alarm, LaneError};
use crate::delivery::intent::Intent;

/// What is known when a partition is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What the group last committed.
    pub committed: Option<Committed>,
    /// First offset kept by the log, and the offset after its last record.
    pub available: (Offset, Offset),
    /// Whether the view holds rows; without a commit that is an alarm.
    pub has_rows: bool,
}

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    /// What the group has committed (`None`: nothing yet).
    pub(super) committed: Option<Intent>,
    /// Everything before is done, or lost and counted.
    pub(super) done: Offset,
    /// From where to read.
    pub(super) read_from: Offset,
    /// The pending range to repeat.
    pub(super) repeat: Option<(Offset, Offset)>,
    /// Ranges that start below are settled.
    pub(super) settle_until: Offset,
    /// What people must hear of.
    pub(super) alarms: Vec<Alarm>,
}

/// Decides; `repeats` says whether this code makes a range as the given version did.
pub(super) fn decide(opened: &Opened, repeats: impl Fn(u32) -> bool) -> Result<Start, LaneError> {
    let Some(committed) = &opened.committed else {
        return Ok(without_commit(opened));
    };
    let (log_start, log_end) = opened.available;
    if committed.offset > log_end {
        return Err(LaneError::LogIdentity {
            known: committed.offset,
            log_end,
        });
    }
    let Some(intent) = Intent::read(committed) else {
        return Ok(set_by_hand(committed.offset, opened));
    };
    let mut start = Start {
        committed: Some(intent),
        done: intent.offset,
        read_from: intent.offset,
        repeat: None,
        settle_until: intent.settle_until,
        alarms: Vec::new(),
    };
    if let Some(last) = intent.pending {
        if last >= log_end {
            return Err(LaneError::LogIdentity {
                known: last + 1,
                log_end,
            });
        }
        if !repeats(intent.version) {
            return Err(LaneError::Version {
                pending: intent.version,
            });
        }
        start.repeat = Some((intent.offset, last));
    }
    skip_expired(&mut start, log_start);
    Ok(start)
}

/// Also an empty view may have seen a write: a token that was logged without its part would swallow a plain
/// write under the same name. So all that lies in the log now is settled; on a fresh log that is nothing.
fn without_commit(opened: &Opened) -> Start {
    let (log_start, log_end) = opened.available;
    Start {
        committed: None,
        done: log_start,
        read_from: log_start,
        repeat: None,
        settle_until: log_end,
        alarms: if opened.has_rows {
            vec![Alarm::RowsWithoutCommit]
        } else {
            Vec::new()
        },
    }
}

fn set_by_hand(offset: Offset, opened: &Opened) -> Start {
    let (log_start, log_end) = opened.available;
    let mut start = Start {
        committed: None,
        done: offset,
        read_from: offset,
        repeat: None,
        settle_until: log_end,
        alarms: vec![Alarm::CommitByHand { offset }],
    };
    skip_expired(&mut start, log_start);
    start
}

/// Retention may have passed the lane, and may have stopped inside its pending range.
fn skip_expired(start: &mut Start, log_start: Offset) {
    if start.read_from >= log_start {
        return;
    }
    start.alarms.push(Alarm::Expired {
        from: start.read_from,
        to: log_start,
    });
    start.read_from = log_start;
    match start.repeat {
        Some((_, last)) if last >= log_start => {}
        _ => {
            start.repeat = None;
            start.done = log_start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(committed: Option<(Offset, &str)>, available: (Offset, Offset)) -> Result<Start, LaneError> {
        let committed = committed.map(|(offset, metadata)| Committed {
            offset,
            metadata: metadata.to_owned(),
        });
        decide(
            &Opened {
                committed,
                available,
                has_rows: false,
            },
            |version| version == 1,
        )
    }

    #[test]
    fn a_pending_range_is_repeated_as_it_was() {
        let start = open(Some((5, "pending 5..9 v1")), (0, 20)).unwrap();
        assert_eq!(
            (start.read_from, start.repeat, start.settle_until),
            (5, Some((5, 9)), 0)
        );
        assert!(start.alarms.is_empty());
    }

    #[test]
    fn retention_inside_a_pending_range_leaves_its_name() {
        let start = open(Some((5, "pending 5..9 v1")), (7, 20)).unwrap();
        assert_eq!((start.done, start.read_from, start.repeat), (5, 7, Some((5, 9))));
        assert_eq!(start.alarms, [Alarm::Expired { from: 5, to: 7 }]);
        let start = open(Some((5, "pending 5..9 v1")), (12, 20)).unwrap();
        assert_eq!((start.done, start.read_from, start.repeat), (12, 12, None));
    }

    #[test]
    fn a_log_that_is_shorter_than_what_was_done_is_another_log() {
        for committed in [(21, "done v1"), (15, "pending 15..20 v1")] {
            assert!(matches!(
                open(Some(committed), (0, 20)),
                Err(LaneError::LogIdentity { .. })
            ));
        }
    }

    #[test]
    fn another_version_leaves_the_range() {
        assert_eq!(
            open(Some((5, "pending 5..9 v2")), (0, 20)),
            Err(LaneError::Version { pending: 2 })
        );
        assert!(open(Some((5, "done v2")), (0, 20)).is_ok());
    }

    #[test]
    fn what_no_commit_of_ours_speaks_of_is_settled() {
        let start = open(Some((5, "")), (0, 20)).unwrap();
        assert_eq!((start.read_from, start.settle_until), (5, 20));
        let rows = Opened {
            committed: None,
            available: (3, 20),
            has_rows: true,
        };
        let start = decide(&rows, |_| true).unwrap();
        assert_eq!((start.read_from, start.settle_until), (3, 20));
        assert_eq!(start.alarms, [Alarm::RowsWithoutCommit]);
        let start = open(None, (3, 20)).unwrap();
        assert_eq!((start.read_from, start.settle_until), (3, 20));
        assert!(start.alarms.is_empty());
    }
}
