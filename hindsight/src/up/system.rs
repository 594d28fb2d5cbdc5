//! Everything behind the doors: engines, views, and the closer of sessions, opened and closed in order.
//!
//! **Invariant:** what writes is stopped before what it writes to. A start that fails half way drops what was
//! opened; the ClickHouse child ends with this process in any case.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hindsight_engines::analytics::chdb::{Health, Supervisor};
use hindsight_engines::analytics::{Analytics, HttpAnalytics, HttpOptions};
use hindsight_engines::log::EventLog;
use hindsight_engines::log::embedded::EmbeddedLog;
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::search::embedded::EmbeddedSearch;
use hindsight_engines::segments::SegmentStore;
use hindsight_processors::analytics::AnalyticsView;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::lifecycle::{Closer, CloserOptions, Watermarks};
use hindsight_processors::replay::ReplayView;
use hindsight_processors::search::SearchView;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::engines;
use super::lanes::{self, Lanes, VIEW_GENERATION};
use crate::settings::Settings;

const MIB: usize = 1 << 20;
/// How old the lanes' own word on how far they are may be.
const STATUS_AGE: Duration = Duration::from_secs(2);
/// What the lanes of each view may hold; together the lanes' part of the process's memory.
const ANALYTICS_BYTES: usize = 32 * MIB;
const SEARCH_BYTES: usize = 24 * MIB;
const REPLAY_BYTES: usize = 32 * MIB;

/// The running engines and views.
pub(super) struct System {
    pub(super) log: Arc<EmbeddedLog>,
    pub(super) analytics: Arc<dyn Analytics>,
    pub(super) search: Arc<EmbeddedSearch>,
    pub(super) replays: Arc<ReplayIndex>,
    pub(super) erased: ErasedSessions,
    /// None once closed.
    running: Mutex<Option<Running>>,
}

/// What runs by itself and must be stopped.
struct Running {
    clickhouse: Supervisor,
    lanes: Lanes,
    closer: JoinHandle<()>,
    stop_closer: watch::Sender<bool>,
}

impl System {
    /// Opens all engines on the folder and starts the views.
    pub(super) async fn open(data_dir: &Path, settings: &Settings) -> anyhow::Result<Self> {
        // The child first: it is the one that may have to wait, for its predecessor.
        let clickhouse = engines::start_clickhouse(data_dir, settings).await?;
        let log = engines::open_log(data_dir, settings, lanes::groups())?;
        let segments: Arc<dyn SegmentStore> = engines::open_segments(data_dir)?;
        let search = engines::open_search(data_dir)?;
        let http = HttpAnalytics::new(clickhouse.endpoint(), HttpOptions::default());
        let analytics: Arc<dyn Analytics> = Arc::new(http);
        analytics
            .migrate(VIEW_GENERATION)
            .await
            .context("the tables can't be brought up to date")?;
        let erased = ErasedSessions::new(segments.clone());
        erased
            .load()
            .await
            .context("the list of erased sessions can't be read")?;
        let replays = Arc::new(ReplayIndex::new(
            analytics.clone(),
            segments.clone(),
            VIEW_GENERATION,
        ));

        let (analytics_marks, replay_marks) = (Watermarks::default(), Watermarks::default());
        let shared_log: Arc<dyn EventLog> = log.clone();
        let mut lanes = Lanes::new(shared_log, ANALYTICS_BYTES + SEARCH_BYTES + REPLAY_BYTES);
        lanes.start(
            AnalyticsView::new(
                analytics.clone(),
                erased.clone(),
                analytics_marks.clone(),
                VIEW_GENERATION,
            ),
            ANALYTICS_BYTES,
        )?;
        lanes.start(SearchView::new(search.clone(), VIEW_GENERATION), SEARCH_BYTES)?;
        let replay = ReplayView::new(
            analytics.clone(),
            segments,
            erased.clone(),
            replay_marks.clone(),
            VIEW_GENERATION,
        );
        lanes.start(replay, REPLAY_BYTES)?;

        let options = CloserOptions {
            silence: Duration::from_secs(settings.replay.close_after_seconds),
            ..CloserOptions::default()
        };
        let closer = Closer::new(
            analytics.clone(),
            replays.clone(),
            erased.clone(),
            analytics_marks,
            replay_marks,
            VIEW_GENERATION,
            options,
        );
        let (stop_closer, stopped) = watch::channel(false);
        let closer = tokio::spawn(closer.run(stopped));
        let running = Mutex::new(Some(Running {
            clickhouse,
            lanes,
            closer,
            stop_closer,
        }));
        Ok(Self {
            log,
            analytics,
            search,
            replays,
            erased,
            running,
        })
    }

    /// Which part is away, in its own words.
    pub(super) fn parts(&self) -> BTreeMap<&'static str, Result<(), String>> {
        let running = self.running();
        let Some(Running {
            clickhouse, lanes, ..
        }) = &*running
        else {
            return BTreeMap::from([("process", Err("stopping".into()))]);
        };
        let clickhouse = match clickhouse.health() {
            Health::Running { .. } => Ok(()),
            Health::Down { reason, .. } => Err(reason),
            Health::Stopped => Err("stopped".into()),
        };
        let log = self.log.stats().refusal.map_or(Ok(()), Err);
        let mut parts = BTreeMap::from([("log", log), ("clickhouse", clickhouse)]);
        for lane in lanes.status() {
            let part = parts.entry(lane.materializer).or_insert(Ok(()));
            if let Some(error) = lane.error {
                *part = Err(format!("{}: {error}", lane.partition));
            }
        }
        parts
    }

    /// Up to when everything received can be searched: known while the lanes have nothing left to do.
    pub(super) fn search_complete_to(&self) -> Option<Timestamp> {
        let running = self.running();
        let lanes = running.as_ref()?.lanes.status();
        let mut searching = lanes
            .iter()
            .filter(|lane| lane.materializer == "search")
            .peekable();
        searching.peek()?;
        searching
            .all(|lane| lane.lag() == 0)
            .then(|| Timestamp::now() - STATUS_AGE)
    }

    /// Lets the views commit what is done, then closes the engines.
    pub(super) async fn close(&self) {
        let Some(running) = self.running().take() else {
            return;
        };
        let _ = running.stop_closer.send(true);
        if let Err(error) = running.closer.await {
            tracing::error!(%error, "the closer of sessions had failed");
        }
        running.lanes.stop().await;
        let log = self.log.clone();
        if tokio::task::spawn_blocking(move || log.close()).await.is_err() {
            tracing::error!("closing the log was cut short");
        }
        running.clickhouse.stop().await;
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
