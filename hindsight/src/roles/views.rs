//! The views: which there are, what memory the lanes of each may hold, how they start and stop.

use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::log::EventLog;
use hindsight_engines::log::embedded::RegisteredGroup;
use hindsight_processors::analytics::AnalyticsView;
use hindsight_processors::delivery::{
    ByteBudget, DeliveryHandle, DeliverySettings, LaneStatus, Materializer, group, start,
};
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::lifecycle::WatchedView;
use hindsight_processors::replay::ReplayView;
use hindsight_processors::search::{REMOTE_LIMITS, SearchView};
use hindsight_schemas::ids::Topic;

use crate::engines::Engines;
use crate::settings::Settings;
use crate::settings::engines::SearchKind;

const MIB: usize = 1 << 20;
/// The generation of every view until there is a rebuild.
pub(crate) const VIEW_GENERATION: u32 = 1;

/// What is made of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Analytics,
    Search,
    Replay,
}

impl View {
    /// All of them.
    pub(crate) const ALL: [View; 3] = [View::Analytics, View::Search, View::Replay];

    /// As in groups, metrics and dead letters.
    pub(crate) fn name(self) -> &'static str {
        match self {
            View::Analytics => "analytics",
            View::Search => "search",
            View::Replay => "replay",
        }
    }

    /// What it reads.
    pub(crate) fn topics(self) -> &'static [Topic] {
        match self {
            View::Analytics | View::Search => &[Topic::Recordings, Topic::Audit],
            View::Replay => &[Topic::Recordings],
        }
    }

    /// Its consumer group.
    pub(crate) fn group(self) -> String {
        group(self.name(), VIEW_GENERATION)
    }

    /// What its lanes may hold; together the lanes' part of the process's memory.
    fn bytes(self) -> usize {
        match self {
            View::Analytics | View::Replay => 16 * MIB,
            View::Search => 12 * MIB,
        }
    }
}

/// The group of those who close sessions and remove what nobody needs.
pub(crate) fn lifecycle_group() -> String {
    group("lifecycle", VIEW_GENERATION)
}

/// The group of those who compare the views with the log.
pub(crate) fn scrub_group() -> String {
    group("scrub", VIEW_GENERATION)
}

/// The groups that retention waits for: a record goes only when all of them have passed it.
pub(crate) fn groups() -> Vec<RegisteredGroup> {
    let registered = View::ALL.map(|view| RegisteredGroup {
        name: view.group(),
        topics: view.topics().to_vec(),
    });
    registered.into()
}

/// These views, to be watched.
pub(super) fn watched(views: &[View]) -> Vec<WatchedView> {
    let watched = views.iter().map(|view| WatchedView {
        group: view.group(),
        topics: view.topics().to_vec(),
    });
    watched.collect()
}

/// Materializers that run.
pub(super) struct Lanes {
    log: Arc<dyn EventLog>,
    budget: ByteBudget,
    handles: Vec<DeliveryHandle>,
}

impl Lanes {
    /// Starts those that make these views.
    pub(super) fn start(
        settings: &Settings,
        engines: &Engines,
        erased: Option<&ErasedSessions>,
        views: &[View],
    ) -> anyhow::Result<Self> {
        let mut lanes = Self {
            log: engines.log(),
            budget: ByteBudget::new(views.iter().map(|view| view.bytes()).sum()),
            handles: Vec::new(),
        };
        let erased = || erased.expect("what reads recordings has the segments").clone();
        for view in views {
            let bytes = view.bytes();
            match view {
                View::Analytics => {
                    let made = AnalyticsView::new(engines.analytics(), erased(), VIEW_GENERATION);
                    lanes.run(made, bytes)?;
                }
                View::Search => lanes.run(search(settings, engines), bytes)?,
                View::Replay => {
                    let (analytics, segments) = (engines.analytics(), engines.segments());
                    let made = ReplayView::new(analytics, segments, erased(), VIEW_GENERATION);
                    lanes.run(made, bytes)?;
                }
            }
        }
        Ok(lanes)
    }

    /// Starts one with a share of the bytes.
    fn run<M: Materializer>(&mut self, view: M, bytes: usize) -> anyhow::Result<()> {
        let name = view.name();
        let share = self.budget.share(name, bytes)?;
        let started = start(
            self.log.clone(),
            Arc::new(view),
            share,
            DeliverySettings::default(),
        );
        self.handles
            .push(started.with_context(|| format!("the {name} lanes can't be started"))?);
        Ok(())
    }

    /// All lanes of all materializers.
    pub(super) fn status(&self) -> Vec<LaneStatus> {
        self.handles.iter().flat_map(DeliveryHandle::status).collect()
    }

    /// Finishes writes in flight, commits, ends the threads.
    pub(super) async fn stop(self) {
        futures::future::join_all(self.handles.into_iter().map(DeliveryHandle::stop)).await;
    }
}

fn search(settings: &Settings, engines: &Engines) -> SearchView {
    let view = SearchView::new(engines.search(), VIEW_GENERATION);
    match settings.search.kind {
        SearchKind::Embedded => view,
        SearchKind::Elasticsearch => view.with_limits(REMOTE_LIMITS),
    }
}
