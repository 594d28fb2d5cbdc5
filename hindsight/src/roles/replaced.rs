//! Drops the search views that a rebuild replaced, after the grace, and the one that it left half filled. A rebuild has the
//! lifecycle's partitions, so none runs beside the process that leads here.
//!
//! **Failure:** what can't be dropped is told, and tried again. **Bound:** one look every interval.

use std::sync::Arc;
use std::time::Duration;

use hindsight_engines::segments::SegmentStore;
use hindsight_processors::lifecycle::Held;
use tokio::sync::watch;

use crate::engines::{drop_search, replaced_searches, search_generation};
use crate::settings::Settings;

/// Looks until `stop` turns true or is dropped.
pub(super) async fn drop_replaced_searches(
    settings: Settings,
    segments: Arc<dyn SegmentStore>,
    held: Held,
    mut stop: watch::Receiver<bool>,
) {
    let interval = Duration::from_secs(settings.lifecycle.interval_seconds.max(1));
    let mut done = Done::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() { return },
        }
        if !held.leads() {
            continue;
        }
        if let Err(error) = look(&settings, &*segments, &mut done).await {
            tracing::warn!(%error, "a search view that nobody reads is not dropped");
        }
    }
}

/// What this process has dropped already.
#[derive(Debug, Default)]
struct Done {
    /// Generations below were replaced.
    replaced: u32,
    /// The one behind the generation that is read: a rebuild leaves it while no process runs, so once is enough. To go on
    /// deleting it would sooner or later meet a rebuild that began while this process stood still.
    half_filled: Option<u32>,
}

/// Drops what is new among those that may go.
async fn look(settings: &Settings, segments: &dyn SegmentStore, done: &mut Done) -> anyhow::Result<()> {
    let next = search_generation(segments).await? + 1;
    if done.half_filled != Some(next) {
        drop_search(settings, next).await?;
        done.half_filled = Some(next);
    }
    let grace = Duration::from_secs(settings.lifecycle.grace_seconds);
    let going = replaced_searches(segments, grace).await?;
    for generation in going.start.max(done.replaced)..going.end {
        drop_search(settings, generation).await?;
        done.replaced = generation + 1;
        tracing::info!(generation, "the search view that a rebuild replaced is dropped");
    }
    Ok(())
}
