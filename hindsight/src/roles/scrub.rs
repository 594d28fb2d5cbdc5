//! Comparing the views with the log, for the partitions that are this process's.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hindsight_engines::replay::ReplayIndex;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::lifecycle::Ownership;
use hindsight_processors::scrub::{ScrubOptions, Scrubber, Views};
use hindsight_schemas::ids::Topic;

use super::tasks::Tasks;
use super::views::{VIEW_GENERATION, scrub_group};
use crate::engines::Engines;
use crate::settings::Settings;

/// The running scrubber.
pub(super) struct Scrub {
    ownership: Ownership,
    tasks: Tasks,
}

impl Scrub {
    /// Joins the group that shares the work, and begins; none where the settings want none.
    pub(super) fn start(
        settings: &Settings,
        engines: &Engines,
        replays: Arc<ReplayIndex>,
        erased: &ErasedSessions,
    ) -> anyhow::Result<Option<Self>> {
        let interval = Duration::from_secs(settings.scrub.interval_seconds);
        // Also 0: an alert must tell what is switched off from what does not come.
        metrics::gauge!("hindsight_scrub_interval_seconds").set(interval.as_secs_f64());
        if interval.is_zero() {
            tracing::info!("the views are not compared with the log (scrub.interval_seconds is 0)");
            return Ok(None);
        }
        let ownership = Ownership::join(engines.log(), scrub_group(), Topic::Recordings)
            .context("no thread for the scrubber")?;
        let options = ScrubOptions {
            interval,
            records: settings.scrub.records,
            ..ScrubOptions::default()
        };
        let scrubber = scrubber(engines, replays, erased, options);
        let held = ownership.held();
        let mut tasks = Tasks::new();
        tasks.spawn(|stopped| scrubber.run(held, stopped));
        Ok(Some(Self { ownership, tasks }))
    }

    /// Leaves the group.
    pub(super) async fn stop(self) {
        self.tasks.stop().await;
        self.ownership.leave().await;
    }
}

/// A scrubber over these engines.
pub(crate) fn scrubber(
    engines: &Engines,
    replays: Arc<ReplayIndex>,
    erased: &ErasedSessions,
    options: ScrubOptions,
) -> Scrubber {
    let views = Views {
        log: engines.log(),
        analytics: engines.analytics(),
        search: engines.search(),
        replays,
        erased: erased.clone(),
        view_generation: VIEW_GENERATION,
    };
    Scrubber::new(views, options)
}
