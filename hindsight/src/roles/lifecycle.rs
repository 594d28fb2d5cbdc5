//! Closing sessions and removing what nobody needs, for the partitions that are this process's.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hindsight_engines::replay::ReplayIndex;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::lifecycle::removal::{AnalyticsRows, RemovalOptions, Remover};
use hindsight_processors::lifecycle::{Closer, CloserOptions, Held, Ownership, Watermarks, watch_disks};
use hindsight_schemas::ids::Topic;

use super::replaced::drop_replaced_searches;
use super::tasks::Tasks;
use super::views::{VIEW_GENERATION, View, lifecycle_group, watched};
use crate::engines::Engines;
use crate::settings::Settings;

/// The running lifecycle.
pub(super) struct Lifecycle {
    ownership: Ownership,
    tasks: Tasks,
}

impl Lifecycle {
    /// Joins the group that shares the work, and begins.
    pub(super) fn start(
        settings: &Settings,
        engines: &Engines,
        replays: Arc<ReplayIndex>,
        erased: &ErasedSessions,
    ) -> anyhow::Result<Self> {
        let ownership = Ownership::join(engines.log(), lifecycle_group(), Topic::Recordings)
            .context("no thread for the lifecycle")?;
        let closable = Watermarks::new(engines.log(), watched(&[View::Analytics, View::Replay]));
        let closer = closer(
            settings,
            engines,
            replays,
            erased,
            ownership.held(),
            closable.clone(),
        );
        let remover = remover(settings, engines, erased);
        let (segments, searching) = (engines.segments(), settings.clone());
        let leading = ownership.held();
        let mut tasks = Tasks::new();
        tasks.spawn(|stopped| drop_replaced_searches(searching, segments, leading, stopped));
        tasks.spawn(|stopped| closer.run(stopped));
        tasks.spawn(|stopped| remover.run(ownership.held(), stopped));
        tasks.spawn(|stopped| closable.run(stopped));
        tasks.spawn(|stopped| watch_disks(engines.analytics(), stopped));
        Ok(Self { ownership, tasks })
    }

    /// Finishes what has begun, and leaves the group.
    pub(super) async fn stop(self) {
        self.tasks.stop().await;
        self.ownership.leave().await;
    }
}

fn closer(
    settings: &Settings,
    engines: &Engines,
    replays: Arc<ReplayIndex>,
    erased: &ErasedSessions,
    held: Held,
    closable: Watermarks,
) -> Closer {
    let options = CloserOptions {
        silence: Duration::from_secs(settings.replay.close_after_seconds),
        ..CloserOptions::default()
    };
    Closer::new(
        engines.analytics(),
        replays,
        erased.clone(),
        held,
        closable,
        VIEW_GENERATION,
        options,
    )
}

fn remover(settings: &Settings, engines: &Engines, erased: &ErasedSessions) -> Remover {
    Remover::new(
        engines.segments(),
        Arc::new(AnalyticsRows::new(engines.analytics(), VIEW_GENERATION)),
        engines.search(),
        erased.clone(),
        VIEW_GENERATION,
        RemovalOptions {
            grace: Duration::from_secs(settings.lifecycle.grace_seconds),
            interval: Duration::from_secs(settings.lifecycle.interval_seconds.max(1)),
        },
    )
}
