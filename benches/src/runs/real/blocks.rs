//! The blocks that the analytics view makes of records, taken where it would insert them.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use hindsight_engines::analytics::{
    Analytics, ByteStream, InsertBlock, InsertError, MigrateError, Query, QueryError,
};
use hindsight_engines::log::StoredRecord;
use hindsight_engines::segments::SegmentStore;
use hindsight_processors::analytics::AnalyticsView;
use hindsight_processors::delivery::{Materializer, RangeName};
use hindsight_processors::erasure::ErasedSessions;

use super::stage::VIEW_GENERATION;

/// Bytes of a range: the view's share of memory by its lanes, as they cut while they are behind.
const RANGE_BYTES: usize = 2 << 20;
/// Conversions at once.
const CONVERSIONS: usize = 2;

/// The blocks of all these records, in ranges as lanes cut them.
pub(super) async fn blocks(
    records: Vec<StoredRecord>,
    store: Arc<dyn SegmentStore>,
) -> anyhow::Result<Vec<InsertBlock>> {
    let taken = Arc::new(Taken::default());
    let view = Arc::new(AnalyticsView::new(
        taken.clone(),
        ErasedSessions::new(store),
        VIEW_GENERATION,
    ));
    let each = stream::iter(ranges(records)).map(|(name, records)| {
        let view = view.clone();
        async move {
            let prepare = view.clone();
            let prepared = tokio::task::spawn_blocking(move || prepare.prepare(&name, records)).await??;
            anyhow::Ok(view.write(&name, &prepared.batch).await?)
        }
    });
    each.buffered(CONVERSIONS).try_collect::<()>().await?;
    let mut blocks = taken.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *blocks))
}

fn ranges(records: Vec<StoredRecord>) -> Vec<(RangeName, Vec<StoredRecord>)> {
    let mut ranges: Vec<Vec<StoredRecord>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        let length = record.value.as_ref().map_or(0, bytes::Bytes::len);
        let goes_on = ranges.last().and_then(|range| range.last());
        let goes_on = goes_on.is_some_and(|last| last.position.partition == record.position.partition);
        if goes_on && bytes + length <= RANGE_BYTES {
            bytes += length;
            ranges.last_mut().expect("just seen").push(record);
        } else {
            bytes = length;
            ranges.push(vec![record]);
        }
    }
    ranges.into_iter().map(|range| (name(&range), range)).collect()
}

fn name(range: &[StoredRecord]) -> RangeName {
    let (first, last) = (range[0].position, range[range.len() - 1].position);
    RangeName {
        view_generation: VIEW_GENERATION,
        log_id: first.log_id,
        partition: first.partition,
        first: first.offset,
        last: last.offset,
    }
}

/// An engine that keeps what it is given, and knows nothing else.
#[derive(Default)]
struct Taken(Mutex<Vec<InsertBlock>>);

#[async_trait]
impl Analytics for Taken {
    async fn ping(&self) -> Result<(), QueryError> {
        Ok(())
    }

    async fn migrate(&self, _view_generation: u32) -> Result<(), MigrateError> {
        Ok(())
    }

    async fn make_tables(&self, _database: &str) -> Result<(), MigrateError> {
        Ok(())
    }

    async fn alter(&self, statement: String) -> Result<(), QueryError> {
        Err(QueryError::Unavailable(format!(
            "nothing is altered here: {statement}"
        )))
    }

    async fn insert(&self, block: &InsertBlock) -> Result<(), InsertError> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push(block.clone());
        Ok(())
    }

    async fn stream(&self, query: Query) -> Result<ByteStream, QueryError> {
        Err(QueryError::Unavailable(format!(
            "nothing is asked here: {query:?}"
        )))
    }

    async fn execute(&self, query: Query) -> Result<(), QueryError> {
        self.stream(query).await.map(drop)
    }

    fn replicated(&self) -> bool {
        false
    }
}
