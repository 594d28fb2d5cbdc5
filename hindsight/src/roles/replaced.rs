//! Drops the search views that a rebuild replaced, after the grace, and the one that it left half filled. A rebuild has the
//! lifecycle's partitions, so none runs beside the process that leads here.
//!
//! **Failure:** what can't be dropped is told, and tried again. **Bound:** one look every interval.

use std::ops::Range;
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
    let mut dropped = 0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() { return },
        }
        if !held.leads() {
            continue;
        }
        match look(&settings, &*segments, dropped).await {
            Ok(Range { end, .. }) => dropped = end,
            Err(error) => tracing::warn!(%error, "a search view that nobody reads is not dropped"),
        }
    }
}

/// Drops what is new among those that may go.
async fn look(settings: &Settings, segments: &dyn SegmentStore, dropped: u32) -> anyhow::Result<Range<u32>> {
    drop_search(settings, search_generation(segments).await? + 1).await?;
    let grace = Duration::from_secs(settings.lifecycle.grace_seconds);
    let mut going = replaced_searches(segments, grace).await?;
    going.start = going.start.max(dropped);
    for generation in going.clone() {
        drop_search(settings, generation).await?;
        tracing::info!(generation, "the search view that a rebuild replaced is dropped");
    }
    Ok(going)
}
