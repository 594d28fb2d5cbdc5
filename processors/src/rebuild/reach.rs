//! How far back the log reaches, and up to where the lanes had come.
//!
//! **Invariant:** what lies before `from` exists in objects only, what lies at or behind `to` is for the lanes. **Failure:**
//! where the commits don't tell what the view must hold, nothing is made.

use std::collections::BTreeMap;

use hindsight_engines::log::{Committed, ConsumerError, EventLog, ReadBounds};
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};
use jiff::Timestamp;

use super::{Commits, RebuildError};
use crate::delivery::intent::Intent;

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    log_id: LogId,
    /// The first record that is kept, or was when the log was read.
    pub(super) from: Offset,
    /// Where the lane goes on.
    pub(super) to: Offset,
}

/// All partitions of some topics.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach(BTreeMap<Partition, Stretch>);

impl Reach {
    /// Asks the log; `commits` has what the lanes committed.
    pub(super) async fn of(
        log: &dyn EventLog,
        topics: &[Topic],
        commits: &Commits,
    ) -> Result<Self, RebuildError> {
        let mut reach = Self::default();
        for &topic in topics {
            for partition in 0..log.partitions(topic) {
                let partition = Partition { topic, partition };
                let (from, end) = log.offsets(partition).await?;
                let to = goes_on(partition, (from, end), commits.get(&partition))?;
                let log_id = log.id(topic);
                reach.0.insert(partition, Stretch { log_id, from, to });
            }
        }
        Ok(reach)
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = (Partition, Stretch)> + '_ {
        self.0.iter().map(|(partition, stretch)| (*partition, *stretch))
    }

    /// The log was read from here on: retention had taken what lies before. Says whether that is news.
    pub(super) fn read_from(&mut self, partition: Partition, from: Offset) -> bool {
        let stretch = self.0.get_mut(&partition);
        let stretch = stretch.filter(|stretch| stretch.from < from);
        stretch.map(|stretch| stretch.from = from).is_some()
    }

    /// Records that the log gives.
    pub(super) fn records(&self) -> u64 {
        self.0
            .values()
            .map(|stretch| stretch.to.saturating_sub(stretch.from))
            .sum()
    }

    /// Whether the log still has what was written there, or will have it written by a lane.
    pub(super) fn has(&self, position: Position) -> bool {
        self.is_at_or_behind(position, |stretch| stretch.from)
    }

    /// Whether a lane will write it.
    pub(super) fn is_ahead(&self, position: Position) -> bool {
        self.is_at_or_behind(position, |stretch| stretch.to)
    }

    fn is_at_or_behind(&self, position: Position, least: impl Fn(&Stretch) -> Offset) -> bool {
        let stretch = self.0.get(&position.partition);
        stretch.is_some_and(|stretch| stretch.log_id == position.log_id && position.offset >= least(stretch))
    }

    /// The same as a condition on a row of a topic.
    pub(super) fn kept(&self, topic: Topic) -> String {
        self.condition(topic, |stretch| stretch.from)
    }

    /// Whether a row of a topic lies where the lanes go on.
    pub(super) fn ahead(&self, topic: Topic) -> String {
        self.condition(topic, |stretch| stretch.to)
    }

    fn condition(&self, topic: Topic, least: impl Fn(&Stretch) -> Offset) -> String {
        let of_topic = self.0.iter().filter(|(partition, _)| partition.topic == topic);
        let parts: Vec<String> = of_topic
            .map(|(partition, stretch)| {
                format!(
                    "(log_id = '{}' AND log_partition = {} AND log_offset >= {})",
                    stretch.log_id,
                    partition.partition,
                    least(stretch)
                )
            })
            .collect();
        format!("({})", parts.join(" OR "))
    }

    /// From when on the log has all records of a topic; none where it holds nothing of it.
    pub(super) async fn since(
        &self,
        log: &dyn EventLog,
        topic: Topic,
    ) -> Result<Option<Timestamp>, ConsumerError> {
        let mut since = None;
        for (partition, stretch) in self.partitions().filter(|(of, _)| of.topic == topic) {
            let first = log.read(partition, stretch.from, ReadBounds::ONE).await?;
            since = since.max(first.first().map(|record| record.appended_at_ms));
        }
        Ok(since.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
    }
}

/// Where the lane of a partition goes on that holds the records `from..end`. Without a commit nobody knows what the view
/// holds of these; with one behind the end the records that it speaks of are no longer there.
fn goes_on(
    partition: Partition,
    (from, end): (Offset, Offset),
    commit: Option<&Committed>,
) -> Result<Offset, RebuildError> {
    let Some(commit) = commit else {
        if from < end {
            return Err(RebuildError::Unsure(format!(
                "partition {partition} holds the records {from} to {} and the view has no commit there (its groups were \
                 reset, have expired, or were named otherwise by an earlier version), so nothing tells what the view must \
                 hold: start what makes views, wait until `hindsight lag` shows 0, stop it, and begin again",
                end - 1
            )));
        }
        return Ok(end);
    };
    let pending = Intent::read(commit).and_then(|intent| intent.pending);
    let spoken_of = pending.map_or(commit.offset, |last| last.saturating_add(1));
    if spoken_of > end {
        return Err(lost_tail(partition, end, spoken_of));
    }
    Ok(commit.offset)
}

/// A log that ends before what the view has of it.
pub(super) fn lost_tail(partition: Partition, end: Offset, spoken_of: Offset) -> RebuildError {
    RebuildError::Unsure(format!(
        "partition {partition} ends before {end} and the view's commit speaks of records before {spoken_of}: the log has lost \
         its tail, or is another one, so the view would lose what it has of these; docs/guarantees.md says what to do about a \
         log that is older"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITION: Partition = Partition {
        topic: Topic::Audit,
        partition: 3,
    };

    fn committed(offset: Offset, metadata: &str) -> Committed {
        Committed {
            offset,
            metadata: metadata.into(),
        }
    }

    #[test]
    fn a_position_is_in_the_log_from_its_first_record_on() {
        let (log_id, other) = (LogId(uuid::Uuid::from_u128(7)), LogId(uuid::Uuid::nil()));
        let stretch = Stretch {
            log_id,
            from: 5,
            to: 9,
        };
        let mut reach = Reach(BTreeMap::from([(PARTITION, stretch)]));
        let at = |log_id, offset| Position {
            log_id,
            partition: PARTITION,
            offset,
        };
        let has = |reach: &Reach, log_id, offset| reach.has(at(log_id, offset));
        assert!(!has(&reach, log_id, 4) && has(&reach, log_id, 5) && has(&reach, log_id, 99));
        assert!(!has(&reach, other, 5));
        assert!(!reach.is_ahead(at(log_id, 8)) && reach.is_ahead(at(log_id, 9)));
        assert_eq!(reach.records(), 4);
        let condition = reach.ahead(Topic::Audit);
        assert!(
            condition.contains("log_partition = 3 AND log_offset >= 9"),
            "{condition}"
        );
        assert!(!reach.read_from(PARTITION, 5) && reach.read_from(PARTITION, 7));
        assert!(!has(&reach, log_id, 6) && has(&reach, log_id, 7));
    }

    #[test]
    fn commits_that_do_not_tell_what_the_view_holds_are_refused() {
        let to = |ends, commit: Option<Committed>| goes_on(PARTITION, ends, commit.as_ref());
        assert_eq!(to((0, 0), None).unwrap(), 0);
        assert_eq!(
            to((7, 7), None).unwrap(),
            7,
            "nothing is kept of which to be unsure"
        );
        assert_eq!(to((2, 9), Some(committed(9, "done v1"))).unwrap(), 9);
        assert_eq!(to((2, 9), Some(committed(4, "pending 4..8 v1"))).unwrap(), 4);
        for (ends, commit, why) in [
            ((2, 9), None, "no commit"),
            ((2, 9), Some(committed(10, "done v1")), "lost its tail"),
            ((2, 9), Some(committed(4, "pending 4..9 v1")), "lost its tail"),
        ] {
            let words = to(ends, commit).unwrap_err().to_string();
            assert!(words.contains(why), "{words}");
        }
    }
}
