//! How far back the log reaches, and up to where the lanes had come.
//!
//! **Invariant:** what lies before `from` exists in objects only, what lies at or behind `to` is for the lanes.

use std::collections::BTreeMap;

use hindsight_engines::log::{ConsumerError, EventLog, ReadBounds};
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};
use jiff::Timestamp;

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    log_id: LogId,
    /// The first record that is kept.
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
        commits: &BTreeMap<Partition, Offset>,
    ) -> Result<Self, ConsumerError> {
        let mut reach = Self::default();
        for &topic in topics {
            for partition in 0..log.partitions(topic) {
                let partition = Partition { topic, partition };
                let (from, end) = log.offsets(partition).await?;
                let to = commits.get(&partition).map_or(from, |commit| (*commit).min(end));
                let log_id = log.id(topic);
                reach.0.insert(partition, Stretch { log_id, from, to });
            }
        }
        Ok(reach)
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = (Partition, Stretch)> + '_ {
        self.0.iter().map(|(partition, stretch)| (*partition, *stretch))
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
        let stretch = self.0.get(&position.partition);
        stretch.is_some_and(|stretch| stretch.log_id == position.log_id && position.offset >= stretch.from)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_in_the_log_from_its_first_record_on() {
        let partition = Partition {
            topic: Topic::Audit,
            partition: 3,
        };
        let (log_id, other) = (LogId(uuid::Uuid::from_u128(7)), LogId(uuid::Uuid::nil()));
        let stretch = Stretch {
            log_id,
            from: 5,
            to: 9,
        };
        let reach = Reach(BTreeMap::from([(partition, stretch)]));
        let has = |log_id, offset| {
            reach.has(Position {
                log_id,
                partition,
                offset,
            })
        };
        assert!(!has(log_id, 4) && has(log_id, 5) && has(log_id, 99) && !has(other, 5));
        assert_eq!(reach.records(), 4);
        let condition = reach.ahead(Topic::Audit);
        assert!(
            condition.contains("log_partition = 3 AND log_offset >= 9"),
            "{condition}"
        );
    }
}
