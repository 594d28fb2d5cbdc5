//! How far the views of this process have come, in time.
//!
//! A lane's watermark is the append time of the last record that it made durable, or the wall clock where it has
//! read to the end of its partition. Silence may be concluded only behind the least watermark of the partitions
//! that are ours, in analytics and replay both: a session is looked for in the one and compacted from the other.
//! Shared by the lanes (which note) and the closer (which asks).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hindsight_schemas::ids::Partition;

use crate::delivery::Progress;

/// The watermarks of a view's lanes in this process.
#[derive(Debug, Clone, Default)]
pub struct Watermarks(Arc<Mutex<HashMap<Partition, Mark>>>);

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    appended_at_ms: Option<i64>,
    at_end: bool,
}

impl Watermarks {
    /// The partition is ours; nothing is known of it yet.
    pub(crate) fn assigned(&self, partition: Partition) {
        self.lock().insert(partition, Mark::default());
    }

    /// The partition is no longer ours.
    pub(crate) fn revoked(&self, partition: Partition) {
        self.lock().remove(&partition);
    }

    /// A lane came this far.
    pub(crate) fn note(&self, partition: Partition, progress: Progress) {
        let mut marks = self.lock();
        let mark = marks.entry(partition).or_default();
        mark.appended_at_ms = progress.appended_at_ms.or(mark.appended_at_ms);
        mark.at_end = progress.at_end;
    }

    /// For each partition that is ours, up to which moment its view is complete; `None` where nothing is known.
    pub fn of_partitions(&self) -> Vec<(Partition, Option<i64>)> {
        let now_ms = unix_ms();
        self.lock()
            .iter()
            .map(|(partition, mark)| {
                (
                    *partition,
                    if mark.at_end {
                        Some(now_ms)
                    } else {
                        mark.appended_at_ms
                    },
                )
            })
            .collect()
    }

    /// The same for two views together: the lesser of both, and nothing where either knows nothing.
    pub fn least_with(&self, other: &Self) -> Vec<(Partition, Option<i64>)> {
        let others: HashMap<Partition, Option<i64>> = other.of_partitions().into_iter().collect();
        let ours = self.of_partitions().into_iter();
        ours.map(|(partition, mark)| {
            let theirs = others.get(&partition).copied().flatten();
            (partition, mark.zip(theirs).map(|(a, b)| a.min(b)))
        })
        .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Partition, Mark>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hindsight_schemas::ids::Topic;

    #[test]
    fn a_lane_that_is_not_at_the_end_is_as_far_as_its_last_record() {
        let marks = Watermarks::default();
        let partition = Partition {
            topic: Topic::Recordings,
            partition: 1,
        };
        marks.assigned(partition);
        assert_eq!(marks.of_partitions(), [(partition, None)]);
        marks.note(
            partition,
            Progress {
                done: 5,
                appended_at_ms: Some(77),
                at_end: false,
            },
        );
        assert_eq!(marks.of_partitions(), [(partition, Some(77))]);
        marks.note(
            partition,
            Progress {
                done: 5,
                appended_at_ms: None,
                at_end: true,
            },
        );
        assert!(marks.of_partitions()[0].1.unwrap() > 77);
        let slower = Watermarks::default();
        assert_eq!(marks.least_with(&slower), [(partition, None)]);
        slower.note(
            partition,
            Progress {
                done: 2,
                appended_at_ms: Some(33),
                at_end: false,
            },
        );
        assert_eq!(marks.least_with(&slower), [(partition, Some(33))]);
        marks.revoked(partition);
        assert_eq!(marks.of_partitions(), []);
    }
}
