//! How far the views have come, in time: asked of the log, so that any process knows it of every view, wherever its
//! lanes run.
//!
//! Each look notes the moment, then the end of every partition. Once a group has committed past that end, everything
//! appended before that moment is in its view, and where it is searched, found after a refresh. **Invariant:** a watermark
//! never goes back, and never names a moment whose records aren't all in the view, or can't be found there yet.
//! **Failure**: a log or search engine that doesn't answer leaves the marks where they were.
//! The age of each view is shown as `hindsight_view_age_seconds`, also while the log is away: it grows then.
//! **Bound**: [`LOOKS`] moments a partition and group; a view that is far behind keeps them further apart.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hindsight_engines::log::{ConsumerError, EventLog};
use hindsight_engines::search::{Search, SearchError};
use hindsight_schemas::ids::{Offset, Partition, Topic};
use tokio::sync::watch;

/// Moments kept while a view is behind.
const LOOKS: usize = 64;
/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
const INTERVAL_MS: i64 = 1_000;
/// A look that takes longer is given up.
const LOOK_WITHIN: Duration = Duration::from_secs(15);

/// A view whose progress is watched: its consumer group and what it reads.
#[derive(Debug, Clone)]
pub struct WatchedView {
    /// As in [`crate::delivery::group`].
    pub group: String,
    /// The topics it reads.
    pub topics: Vec<Topic>,
}

/// The watermarks of some views. Cheap to clone.
#[derive(Clone)]
pub struct Watermarks {
    log: Arc<dyn EventLog>,
    views: Arc<[WatchedView]>,
    /// Where what they wrote is searched.
    search: Option<Arc<dyn Search>>,
    tracks: Arc<Mutex<BTreeMap<(usize, Partition), Track>>>,
    since_ms: i64,
}

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The log.
    #[error(transparent)]
    Log(#[from] ConsumerError),
    /// The search engine.
    #[error(transparent)]
    Search(#[from] SearchError),
}

impl Watermarks {
    /// Of these views; nothing is known before the first look.
    pub fn new(log: Arc<dyn EventLog>, views: Vec<WatchedView>) -> Self {
        let tracks = views.iter().enumerate().flat_map(|(index, view)| {
            let topics = view.topics.iter();
            let partitions = topics.flat_map(|&topic| {
                (0..log.partitions(topic)).map(move |partition| Partition { topic, partition })
            });
            partitions
                .map(move |partition| ((index, partition), Track::default()))
                .collect::<Vec<_>>()
        });
        Self {
            tracks: Arc::new(Mutex::new(tracks.collect())),
            log,
            views: views.into(),
            search: None,
            since_ms: unix_ms(),
        }
    }

    /// These views write to a search engine: a moment is reached when what was committed can be found.
    #[must_use]
    pub fn searched_in(mut self, search: Arc<dyn Search>) -> Self {
        self.search = Some(search);
        self
    }

    /// Looks once a second until `stop` turns true or is dropped.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let looking = async {
            loop {
                match tokio::time::timeout(LOOK_WITHIN, self.look()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "how far the views are can't be asked"),
                    Err(_) => {
                        tracing::warn!(limit = ?LOOK_WITHIN, "the log or the search engine does not tell in time how far the views are");
                    }
                }
                self.show_ages(unix_ms());
                tokio::time::sleep(INTERVAL).await;
            }
        };
        // A look may end anywhere: marks move at its end.
        tokio::select! {
            () = looking => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// One look at every partition.
    pub async fn look(&self) -> Result<(), LookError> {
        // First the moment, then the ends: whatever was appended before it lies before them.
        let at_ms = unix_ms();
        let watched: Vec<(usize, Partition)> = self.lock().keys().copied().collect();
        let mut ends = BTreeMap::new();
        for (_, partition) in &watched {
            if !ends.contains_key(partition) {
                ends.insert(*partition, self.log.offsets(*partition).await?);
            }
        }
        let mut looks = Vec::with_capacity(watched.len());
        for (view, partition) in watched {
            let (start, end) = ends[&partition];
            let committed = self
                .log
                .committed(&self.views[view].group, partition)
                .await?
                .map_or(start, |committed| committed.offset);
            looks.push(((view, partition), end, committed));
        }
        if let Some(search) = &self.search
            && self.is_news(&looks)
        {
            search.refresh().await?;
        }
        let mut tracks = self.lock();
        for (of, end, committed) in looks {
            if let Some(track) = tracks.get_mut(&of) {
                track.looked(at_ms, end);
                track.committed(committed);
            }
        }
        Ok(())
    }

    /// Whether anything was committed since the last look.
    fn is_news(&self, looks: &[((usize, Partition), Offset, Offset)]) -> bool {
        let tracks = self.lock();
        let known = |of| tracks.get(of).and_then(|track| track.done);
        looks
            .iter()
            .any(|(of, _, committed)| known(of) != Some(*committed))
    }

    /// A view of which nothing is known yet is as old as the watch.
    fn show_ages(&self, now_ms: i64) {
        let tracks = self.lock();
        for (index, view) in self.views.iter().enumerate() {
            let of_view = tracks.iter().filter(|((of, _), _)| *of == index);
            let reached = least(of_view.map(|(_, track)| track.reached));
            let age_ms = now_ms.saturating_sub(reached.unwrap_or(self.since_ms)).max(0);
            metrics::gauge!("hindsight_view_age_seconds", "group" => view.group.clone())
                .set(age_ms as f64 / 1e3);
        }
    }

    /// Up to when all the views that read this partition are complete in it, Unix milliseconds.
    pub fn of(&self, partition: Partition) -> Option<i64> {
        least(
            self.lock()
                .iter()
                .filter(|((_, of), _)| *of == partition)
                .map(|(_, track)| track.reached),
        )
    }

    /// Up to when all the views are complete in all their partitions, Unix milliseconds.
    pub fn least(&self) -> Option<i64> {
        least(self.lock().values().map(|track| track.reached))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(usize, Partition), Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing, where there is nothing or one of them is not known.
fn least(marks: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    marks
        .reduce(|least, mark| least.zip(mark).map(|(a, b)| a.min(b)))
        .flatten()
}

/// One view in one partition.
#[derive(Debug, Default)]
struct Track {
    /// Moments that the view hasn't reached, with the partition's end at each.
    looks: VecDeque<(i64, Offset)>,
    reached: Option<i64>,
    /// What was committed at the last look.
    done: Option<Offset>,
    /// How far apart looks are kept.
    spacing_ms: i64,
}

impl Track {
    fn looked(&mut self, at_ms: i64, end: Offset) {
        let newest = self.looks.back().map(|&(newest, _)| newest);
        if newest.is_some_and(|newest| at_ms - newest < self.spacing_ms) {
            return;
        }
        if self.looks.len() == LOOKS {
            let mut keep = false;
            self.looks.retain(|_| {
                keep = !keep;
                keep
            });
            self.spacing_ms = 2 * self.spacing_ms.max(INTERVAL_MS);
        }
        self.looks.push_back((at_ms, end));
    }

    fn committed(&mut self, done: Offset) {
        self.done = Some(done);
        while let Some(&(at_ms, end)) = self.looks.front() {
            if end > done {
                return;
            }
            self.looks.pop_front();
            self.reached = self.reached.max(Some(at_ms));
        }
        self.spacing_ms = 0;
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_reached_when_its_end_is_committed() {
        let mut track = Track::default();
        track.looked(1_000, 5);
        track.committed(4);
        assert_eq!(track.reached, None);
        track.looked(2_000, 9);
        track.committed(5);
        assert_eq!(track.reached, Some(1_000));
        track.committed(20);
        assert_eq!(track.reached, Some(2_000));
    }

    #[test]
    fn a_view_far_behind_still_reaches_old_moments() {
        let mut track = Track::default();
        for (second, end) in (0..10_000).zip(0..) {
            track.looked(second * 1_000, end);
            assert!(track.looks.len() <= LOOKS);
        }
        track.committed(5_000);
        let reached = track.reached.unwrap();
        assert!((4_000_000..=5_000_000).contains(&reached), "{reached}");
        track.committed(10_000);
        track.looked(10_000_000, 10_000);
        track.committed(10_000);
        assert_eq!(
            track.reached,
            Some(10_000_000),
            "caught up, each look counts again"
        );
    }

    #[test]
    fn one_that_is_not_known_leaves_the_least_unknown() {
        assert_eq!(least([Some(3), Some(1)].into_iter()), Some(1));
        assert_eq!(least([Some(3), None].into_iter()), None);
        assert_eq!(least(std::iter::empty()), None);
    }
}
