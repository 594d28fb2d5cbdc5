//! The materializers of an all-in-one process: which there are, what memory each may hold, how they stop.

use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::log::EventLog;
use hindsight_engines::log::embedded::RegisteredGroup;
use hindsight_processors::delivery::{
    ByteBudget, DeliveryHandle, DeliverySettings, LaneStatus, Materializer, group, start,
};
use hindsight_processors::lifecycle::WatchedView;
use hindsight_schemas::ids::Topic;

/// The generation of every view until there is a rebuild.
pub(super) const VIEW_GENERATION: u32 = 1;

/// The materializers and what they read.
const VIEWS: [(&str, &[Topic]); 3] = [
    ("analytics", &[Topic::Recordings, Topic::Audit]),
    ("search", &[Topic::Recordings, Topic::Audit]),
    ("replay", &[Topic::Recordings]),
];

/// The groups that retention waits for: a record goes only when all of them have passed it.
pub(super) fn groups() -> Vec<RegisteredGroup> {
    let registered = VIEWS.map(|(name, topics)| RegisteredGroup {
        name: group(name, VIEW_GENERATION),
        topics: topics.to_vec(),
    });
    registered.into()
}

/// These views, to be watched.
pub(super) fn watched(names: &[&str]) -> Vec<WatchedView> {
    let named = VIEWS.iter().filter(|(name, _)| names.contains(name));
    named
        .map(|(name, topics)| WatchedView {
            group: group(name, VIEW_GENERATION),
            topics: topics.to_vec(),
        })
        .collect()
}

/// Materializers that run.
pub(super) struct Lanes {
    log: Arc<dyn EventLog>,
    budget: ByteBudget,
    handles: Vec<DeliveryHandle>,
}

impl Lanes {
    /// None yet, with so many bytes for all.
    pub(super) fn new(log: Arc<dyn EventLog>, bytes: usize) -> Self {
        Self {
            log,
            budget: ByteBudget::new(bytes),
            handles: Vec::new(),
        }
    }

    /// Starts one with a share of the bytes.
    pub(super) fn start<M: Materializer>(&mut self, view: M, bytes: usize) -> anyhow::Result<()> {
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
