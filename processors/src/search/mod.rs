//! The search view: a document for each audit event, and one for what was seen and done in each batch.
//!
//! **Invariant:** the first document under an id wins. Records of one partition come in the order of their
//! offsets, so the first to land is the lowest position; a twin with other content is a `conflict` and goes to
//! dead letters. On failure a write is repeated as it was: an engine that has a document answers `Exists`.

mod activity;
mod convert;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hindsight_engines::log::StoredRecord;
use hindsight_engines::search::{Encoded, Search, SearchError, SearchWrite, WriteOutcome, WriteRange};
use hindsight_schemas::ids::{Partition, Position, Topic};
use hindsight_schemas::reason::Reason;

use crate::delivery::{
    CutLimits, Materializer, Poison, PrepareError, Prepared, RangeName, ViewError, WriteError,
};

/// The version of the conversion: another one makes other documents of the same records.
const VERSION: u32 = 1;

/// Ranges for an engine behind the network, where requests cost more than waiting: 100 to 5,000 records, or what
/// came in 5 s.
pub const REMOTE_LIMITS: CutLimits = CutLimits {
    bytes: 8 << 20,
    records: 5_000,
    enough: 100,
    age: Duration::from_secs(5),
};

/// Makes the search view.
pub struct SearchView {
    engine: Arc<dyn Search>,
    view_generation: u32,
    limits: CutLimits,
}

impl SearchView {
    /// Writes to this engine.
    pub fn new(engine: Arc<dyn Search>, view_generation: u32) -> Self {
        Self {
            engine,
            view_generation,
            limits: CutLimits::default(),
        }
    }

    /// With other ranges than those for an embedded engine.
    pub fn with_limits(self, limits: CutLimits) -> Self {
        Self { limits, ..self }
    }
}

/// The documents of a range.
pub struct Documents {
    encoded: Arc<Encoded>,
    /// For each write the record that it is to blame for, if it can be.
    blamed: Vec<Option<Position>>,
}

#[async_trait]
impl Materializer for SearchView {
    type Prepared = Documents;

    fn name(&self) -> &'static str {
        "search"
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn view_generation(&self) -> u32 {
        self.view_generation
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Recordings, Topic::Audit]
    }

    fn limits(&self) -> CutLimits {
        self.limits
    }

    fn prepare(
        &self,
        _name: &RangeName,
        records: Vec<StoredRecord>,
    ) -> Result<Prepared<Documents>, PrepareError> {
        let converted = convert::writes(records)?;
        let blamed = converted.writes.iter().map(position).collect();
        let encoded = self.engine.encode(converted.writes);
        let encoded = encoded.map_err(|error| PrepareError::Failed(error.to_string()))?;
        Ok(Prepared {
            bytes: encoded.bytes(),
            batch: Documents {
                encoded: Arc::new(encoded),
                blamed,
            },
            poison: converted.poison,
        })
    }

    async fn write(&self, name: &RangeName, batch: &Documents) -> Result<(), WriteError> {
        let range = WriteRange {
            log_id: name.log_id,
            partition: name.partition,
            last: name.last,
        };
        let outcomes = self
            .engine
            .write_encoded(range, batch.encoded.clone())
            .await
            .map_err(write_error)?;
        debug_assert_eq!(outcomes.len(), batch.blamed.len(), "an outcome for each write");
        let rejected: Vec<Poison> = outcomes
            .into_iter()
            .zip(&batch.blamed)
            .filter_map(|(outcome, position)| blame(outcome, (*position)?))
            .collect();
        if rejected.is_empty() {
            Ok(())
        } else {
            Err(WriteError::Rejected(rejected))
        }
    }

    /// Creating again what may be there is how a range is settled: the id tells.
    async fn settle(&self, name: &RangeName, batch: &Documents) -> Result<(), WriteError> {
        self.write(name, batch).await
    }

    /// A rebuild may have ended between the start of this process and its membership.
    async fn on_assigned(&self, _partition: Partition) -> Result<(), ViewError> {
        let followed = self.engine.follow().await;
        followed.map_err(|error| ViewError(error.to_string()))
    }

    async fn has_rows(&self, partition: Partition) -> Result<bool, ViewError> {
        let written = self
            .engine
            .written_partitions()
            .await
            .map_err(|error| ViewError(error.to_string()))?;
        Ok(written.iter().any(|of| of.partition == partition))
    }
}

/// The engine wrote all, part or nothing: writing the same again is safe either way.
fn write_error(error: SearchError) -> WriteError {
    WriteError::Ambiguous(error.to_string())
}

/// Where the record of a document lies; an erasure is never to blame.
fn position(write: &SearchWrite) -> Option<Position> {
    match write {
        SearchWrite::CreateAudit(document) => Some(document.position),
        SearchWrite::CreateActivity(document) => Some(document.position),
        SearchWrite::Stub(_) | SearchWrite::EraseSession { .. } => None,
    }
}

/// Whether the record at this position is to blame for what became of its document.
fn blame(outcome: WriteOutcome, position: Position) -> Option<Poison> {
    let (reason, detail) = match outcome {
        WriteOutcome::Exists {
            same_content: false,
            position: first,
        } if first != position => (
            Reason::Conflict,
            format!(
                "another body came first, at {} offset {}",
                first.partition, first.offset
            ),
        ),
        WriteOutcome::Rejected { reason, detail } => (reason, detail),
        WriteOutcome::Created
        | WriteOutcome::Erased
        | WriteOutcome::Stubbed
        | WriteOutcome::Exists { .. } => return None,
    };
    Some(Poison {
        position,
        reason,
        detail,
    })
}

#[cfg(test)]
mod tests {
    use hindsight_engines::search::{
        AuditPage, AuditSearch, SearchHealth, SessionPage, SessionSearch, Standing, WrittenPartition,
    };

    use hindsight_schemas::documents::DocumentId;

    use super::*;

    /// A view that was replaced, and whose successor can't be opened.
    struct Replaced;

    #[async_trait]
    impl Search for Replaced {
        async fn follow(&self) -> Result<(), SearchError> {
            Err(SearchError::Engine("the next view can't be opened".into()))
        }

        fn encode(&self, _: Vec<SearchWrite>) -> Result<Encoded, SearchError> {
            Err(SearchError::Closed)
        }

        async fn write_encoded(
            &self,
            _: WriteRange,
            _: Arc<Encoded>,
        ) -> Result<Vec<WriteOutcome>, SearchError> {
            Err(SearchError::Closed)
        }

        async fn standing(&self, _: Vec<(DocumentId, [u8; 32])>) -> Result<Vec<Standing>, SearchError> {
            Err(SearchError::Closed)
        }

        async fn search_audit(&self, _: AuditSearch) -> Result<AuditPage, SearchError> {
            Err(SearchError::Closed)
        }

        async fn search_sessions(&self, _: SessionSearch) -> Result<SessionPage, SearchError> {
            Err(SearchError::Closed)
        }

        async fn written_partitions(&self) -> Result<Vec<WrittenPartition>, SearchError> {
            Err(SearchError::Closed)
        }

        async fn expire(&self, _: i64) -> Result<u64, SearchError> {
            Err(SearchError::Closed)
        }

        async fn refresh(&self) -> Result<(), SearchError> {
            Err(SearchError::Closed)
        }

        async fn health(&self) -> Result<SearchHealth, SearchError> {
            Err(SearchError::Closed)
        }
    }

    #[tokio::test]
    async fn a_lane_begins_only_on_the_view_that_is_read() {
        let view = SearchView::new(Arc::new(Replaced), 1);
        let partition = Partition {
            topic: Topic::Audit,
            partition: 0,
        };
        let error = view.on_assigned(partition).await.unwrap_err();
        assert!(
            error.to_string().contains("the next view can't be opened"),
            "{error}"
        );
    }
}
