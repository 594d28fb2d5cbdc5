//! How far each view is behind the log, partition by partition.
//!
//! **Invariant:** the commit is read after the end, so a lane that works meanwhile is never shown further behind than it
//! is. **Failure**: a log that does not answer ends the look. **Bound**: one record read for each lane that is behind.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hindsight_engines::log::embedded::{Clock, SystemClock};
use hindsight_engines::log::{ConsumerError, EventLog, ReadBounds};
use hindsight_schemas::ids::{Offset, Partition};
use serde::{Deserialize, Serialize};

use crate::roles::View;

/// One view on one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LaneLag {
    pub(crate) view: String,
    pub(crate) topic: String,
    pub(crate) partition: u32,
    /// Everything before is in the view.
    pub(crate) position: Offset,
    /// The offset after the log's last record.
    pub(crate) end: Offset,
    /// Offsets that are kept and not known to be in the view.
    pub(crate) behind: u64,
    /// Offsets that retention took before the view had them.
    pub(crate) lost: u64,
    /// How long ago the oldest record that is not in the view was appended; none where there is no such record.
    pub(crate) age_ms: Option<i64>,
}

/// Looks at every view.
pub(crate) async fn look(log: &dyn EventLog) -> Result<Vec<LaneLag>, ConsumerError> {
    let mut ends = BTreeMap::new();
    let mut lanes = Vec::new();
    for view in View::ALL {
        let partitions = view.topics().iter().flat_map(|&topic| {
            (0..log.partitions(topic)).map(move |partition| Partition { topic, partition })
        });
        for partition in partitions {
            let kept = match ends.entry(partition) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => *unknown.insert(log.offsets(partition).await?),
            };
            lanes.push(lane(log, view, partition, kept).await?);
        }
    }
    Ok(lanes)
}

async fn lane(
    log: &dyn EventLog,
    view: View,
    partition: Partition,
    (first, end): (Offset, Offset),
) -> Result<LaneLag, ConsumerError> {
    let committed = log.committed(&view.group(), partition).await?;
    let position = committed.map_or(first, |committed| committed.offset);
    let behind = end.saturating_sub(position.max(first));
    let oldest = match behind {
        0 => None,
        _ => log.read(partition, position, ReadBounds::ONE).await?.pop(),
    };
    Ok(LaneLag {
        view: view.name().to_owned(),
        topic: partition.topic.to_string(),
        partition: partition.partition,
        position,
        end,
        behind,
        lost: first.saturating_sub(position),
        age_ms: oldest.map(|record| SystemClock.unix_ms().saturating_sub(record.appended_at_ms).max(0)),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use hindsight_engines::log::embedded::{EmbeddedLog, Options};
    use hindsight_engines::log::{Commit, Committed, NewRecord, Polled, Route};
    use hindsight_schemas::ids::Topic;

    use super::*;

    const FIRST: Partition = Partition {
        topic: Topic::Audit,
        partition: 0,
    };

    fn record() -> NewRecord {
        NewRecord {
            topic: FIRST.topic,
            to: Route::Partition(FIRST.partition),
            key: Bytes::new(),
            value: Some(Bytes::from_static(b"v")),
            headers: Vec::new(),
        }
    }

    fn commit(log: &dyn EventLog, group: &str, offset: Offset) {
        let mut consumer = log.consumer(group, &[FIRST.topic]).unwrap();
        while !consumer
            .poll(Duration::from_secs(1))
            .unwrap()
            .iter()
            .any(|item| matches!(item, Polled::Assigned(mine) if mine.contains(&FIRST)))
        {}
        let committed = Committed {
            offset,
            metadata: String::new(),
        };
        let partition = FIRST;
        consumer.commit(&[Commit { partition, committed }]).unwrap();
    }

    async fn of(log: &dyn EventLog, view: &str) -> LaneLag {
        let mut lanes = look(log).await.unwrap();
        assert_eq!(lanes.len(), 5 * 2, "two topics for two views, one for the third");
        lanes.retain(|lane| lane.view == view && lane.topic == FIRST.topic.as_str() && lane.partition == 0);
        lanes.pop().unwrap()
    }

    #[tokio::test]
    async fn a_view_is_behind_by_what_it_has_not_committed() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            partitions: 2,
            ..Options::default()
        };
        let log = EmbeddedLog::open(folder.path(), options).unwrap();
        let nothing = of(&log, "search").await;
        assert_eq!((nothing.behind, nothing.age_ms), (0, None));
        log.append(vec![record(), record(), record()]).await.unwrap();
        commit(&log, &View::Search.group(), 2);
        let search = of(&log, "search").await;
        assert_eq!(
            (search.position, search.end, search.behind, search.lost),
            (2, 3, 1, 0)
        );
        assert!(search.age_ms.is_some(), "{search:?}");
        assert_eq!(
            of(&log, "analytics").await.behind,
            3,
            "the other view has nothing"
        );
        commit(&log, &View::Search.group(), 3);
        let done = of(&log, "search").await;
        assert_eq!((done.behind, done.age_ms), (0, None));
    }
}
