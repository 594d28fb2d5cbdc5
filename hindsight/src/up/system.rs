//! Everything behind the doors: engines, views, and what closes sessions and removes them, opened and closed in order.
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
use hindsight_processors::delivery::group;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::lifecycle::removal::{AnalyticsRows, RemovalOptions, Remover};
use hindsight_processors::lifecycle::{Closer, CloserOptions, Ownership, Watermarks, watch_disks};
use hindsight_processors::replay::ReplayView;
use hindsight_processors::search::SearchView;
use hindsight_schemas::ids::Topic;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::engines;
use super::lanes::{self, Lanes, VIEW_GENERATION, watched};
use crate::settings::Settings;

const MIB: usize = 1 << 20;
/// What the lanes of each view may hold; together the lanes' part of the process's memory.
const ANALYTICS_BYTES: usize = 24 * MIB;
const SEARCH_BYTES: usize = 16 * MIB;
const REPLAY_BYTES: usize = 24 * MIB;

/// The running engines and views.
pub(super) struct System {
    pub(super) log: Arc<EmbeddedLog>,
    pub(super) analytics: Arc<dyn Analytics>,
    pub(super) search: Arc<EmbeddedSearch>,
    pub(super) replays: Arc<ReplayIndex>,
    pub(super) erased: ErasedSessions,
    searchable: Watermarks,
    /// None once closed.
    running: Mutex<Option<Running>>,
}

/// What runs by itself and must be stopped.
struct Running {
    clickhouse: Supervisor,
    lanes: Lanes,
    ownership: Ownership,
    /// The closer of sessions, the remover, and those who watch how far the views are.
    tasks: Vec<JoinHandle<()>>,
    stop_tasks: watch::Sender<bool>,
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

        let shared_log: Arc<dyn EventLog> = log.clone();
        let mut lanes = Lanes::new(shared_log.clone(), ANALYTICS_BYTES + SEARCH_BYTES + REPLAY_BYTES);
        lanes.start(
            AnalyticsView::new(analytics.clone(), erased.clone(), VIEW_GENERATION),
            ANALYTICS_BYTES,
        )?;
        lanes.start(SearchView::new(search.clone(), VIEW_GENERATION), SEARCH_BYTES)?;
        let replay = ReplayView::new(
            analytics.clone(),
            segments.clone(),
            erased.clone(),
            VIEW_GENERATION,
        );
        lanes.start(replay, REPLAY_BYTES)?;

        let closable = Watermarks::new(shared_log.clone(), watched(&["analytics", "replay"]));
        let searchable = Watermarks::new(shared_log.clone(), watched(&["search"]));
        let ownership = Ownership::join(shared_log, group("lifecycle", VIEW_GENERATION), Topic::Recordings)
            .context("no thread for the lifecycle")?;
        let options = CloserOptions {
            silence: Duration::from_secs(settings.replay.close_after_seconds),
            ..CloserOptions::default()
        };
        let closer = Closer::new(
            analytics.clone(),
            replays.clone(),
            erased.clone(),
            ownership.held(),
            closable.clone(),
            VIEW_GENERATION,
            options,
        );
        let remover = Remover::new(
            segments,
            Arc::new(AnalyticsRows::new(analytics.clone(), VIEW_GENERATION)),
            search.clone(),
            erased.clone(),
            VIEW_GENERATION,
            RemovalOptions {
                grace: Duration::from_secs(settings.lifecycle.grace_seconds),
                interval: Duration::from_secs(settings.lifecycle.interval_seconds.max(1)),
            },
        );
        let (stop_tasks, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(closer.run(stopped.clone())),
            tokio::spawn(remover.run(stopped.clone())),
            tokio::spawn(closable.run(stopped.clone())),
            tokio::spawn(watch_disks(analytics.clone(), stopped.clone())),
            tokio::spawn(searchable.clone().run(stopped)),
        ];
        let running = Mutex::new(Some(Running {
            clickhouse,
            lanes,
            ownership,
            tasks,
            stop_tasks,
        }));
        Ok(Self {
            log,
            analytics,
            search,
            replays,
            erased,
            searchable,
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

    /// Up to when everything received can be searched.
    pub(super) fn search_complete_to(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.searchable.least()?).ok()
    }

    /// Lets the views commit what is done, then closes the engines.
    pub(super) async fn close(&self) {
        let Some(running) = self.running().take() else {
            return;
        };
        let _ = running.stop_tasks.send(true);
        for task in running.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the lifecycle had failed");
            }
        }
        running.ownership.leave().await;
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
