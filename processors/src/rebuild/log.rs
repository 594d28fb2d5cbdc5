//! The log up to where the lanes go on, applied as a lane would have. What can't be read, or was refused, lies among the
//! dead letters already.

use std::sync::Arc;

use hindsight_engines::log::{EventLog, ReadBounds, StoredRecord};

use super::RebuildError;
use super::reach::{Reach, Stretch};
use crate::delivery::{Materializer, RangeName, WriteError};

/// What one look brings.
const PAGE: ReadBounds = ReadBounds {
    records: 10_000,
    bytes: 16 << 20,
};

/// Hands over each page, with how many offsets it passes.
pub(super) async fn each_page(
    log: &dyn EventLog,
    reach: &Reach,
    mut take: impl AsyncFnMut(Vec<StoredRecord>, u64) -> Result<(), RebuildError>,
) -> Result<(), RebuildError> {
    for (partition, Stretch { mut from, to, .. }) in reach.partitions() {
        while from < to {
            let mut page = log.read(partition, from, PAGE).await?;
            page.retain(|record| record.position.offset < to);
            // Nothing but holes up to there.
            let Some(last) = page.last().map(|last| last.position.offset) else {
                break;
            };
            take(page, last + 1 - from).await?;
            from = last + 1;
        }
    }
    Ok(())
}

/// Writes records, of which each partition's follow each other.
pub(super) async fn apply<M: Materializer>(
    view: &Arc<M>,
    records: Vec<StoredRecord>,
) -> Result<(), RebuildError> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(());
    };
    let name = RangeName {
        view_generation: view.view_generation(),
        log_id: first.position.log_id,
        partition: first.position.partition,
        first: first.position.offset,
        last: last.position.offset,
    };
    let converting = view.clone();
    let prepared = tokio::task::spawn_blocking(move || converting.prepare(&name, records)).await;
    let batch = prepared.expect("converting does not panic")?.batch;
    let written = match view.write(&name, &batch).await {
        Err(WriteError::Ambiguous(words)) => {
            tracing::warn!(range = %name, words, "what the rebuild wrote is read back");
            view.settle(&name, &batch).await
        }
        written => written,
    };
    match written {
        Err(WriteError::Rejected(_)) => Ok(()),
        written => Ok(written?),
    }
}
