//! The replay view: flush objects in the segment store, and their index in ClickHouse.
//!
//! **Invariants:** object before index before offset, so a replay that is listed can be played. A frame is made of one
//! record. The footer that is stored wins: index rows are always made from it, also where another writer of the
//! same range was first. **On failure** the same object is put again; *exists* is success if its identities are ours.

mod index;

use std::sync::Arc;

use async_trait::async_trait;
use hindsight_engines::analytics::{Analytics, ExpectedRow, expected_blocks, settle};
use hindsight_engines::failpoint;
use hindsight_engines::log::StoredRecord;
use hindsight_engines::segments::format::LogRange;
use hindsight_engines::segments::{
    FlushBuilder, FlushError, FlushObject, FrameError, SegmentPath, SegmentStore, flush_frames, put_flush,
};
use hindsight_schemas::ddl::database;
use hindsight_schemas::ids::{Partition, ProjectId, SessionId, Topic};
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::{Record, RecordingBatch};
use hindsight_schemas::row_binary::Micros;
use hindsight_schemas::rows::Segment;

use crate::analytics::{INSERTS_PER_SECOND, holds_rows, insert_failed, settle_failed};
use crate::decode::{Blame, convert_each};
use crate::delivery::meters::dropped_as_erased;
use crate::delivery::{Materializer, PrepareError, Prepared, RangeName, ViewError, WriteError};
use crate::erasure::ErasedSessions;

pub(crate) use index::{flush_row, generation_rows};

/// The version of the conversion: another one makes other frames of the same records.
const VERSION: u32 = 1;

/// Makes the replay view.
pub struct ReplayView {
    analytics: Arc<dyn Analytics>,
    segments: Arc<dyn SegmentStore>,
    erased: ErasedSessions,
    view_generation: u32,
}

impl ReplayView {
    /// Writes objects to `segments` and their index to `analytics`.
    pub fn new(
        analytics: Arc<dyn Analytics>,
        segments: Arc<dyn SegmentStore>,
        erased: ErasedSessions,
        view_generation: u32,
    ) -> Self {
        Self {
            analytics,
            segments,
            erased,
            view_generation,
        }
    }

    fn path(&self, name: &RangeName) -> SegmentPath {
        SegmentPath::Flush {
            view: self.view_generation,
            partition: name.partition.partition,
            first: name.first,
            last: name.last,
        }
    }

    /// Stores the object; the rows of the footer that stands.
    async fn store(&self, name: &RangeName, object: &FlushObject) -> Result<Vec<Segment>, WriteError> {
        let path = self.path(name);
        let erased = |project: &ProjectId, session: SessionId| self.erased.contains(project, session);
        let (_, footer) = put_flush(&*self.segments, &path, object, &erased)
            .await
            .map_err(flush_failed)?;
        let kept = flush_frames(&path, &footer);
        let kept = kept
            .iter()
            .filter(|frame| !erased(&frame.batch.project, frame.batch.session_id));
        Ok(kept.map(flush_row).collect())
    }
}

/// What an object takes: its bytes and its footer, which is also the rows to be.
fn object_bytes(object: &FlushObject) -> usize {
    const FRAME: usize = 2048;
    object.bytes.len() + object.footer.frames.len() * FRAME
}

fn flush_failed(error: FlushError) -> WriteError {
    match error {
        FlushError::Store(_) | FlushError::Read(_) => WriteError::Ambiguous(error.to_string()),
        FlushError::IdentityChanged { .. } => WriteError::Refused(error.to_string()),
    }
}

fn add(builder: &mut FlushBuilder, batch: &RecordingBatch, origin: &StoredRecord) -> Result<bool, Blame> {
    let limit = usize::try_from(batch.raw_bytes).unwrap_or(0);
    builder
        .push(batch, origin.position, limit)
        .map(|()| true)
        .map_err(|error| match error {
            FrameError::Body { .. } | FrameError::Content { .. } | FrameError::Pack { .. } => {
                let source = std::error::Error::source(&error)
                    .map_or_else(String::new, |source| format!(": {source}"));
                (Reason::PoisonBody, format!("{error}{source}"))
            }
        })
}

#[async_trait]
impl Materializer for ReplayView {
    /// `None` where the range holds no batch: then there is nothing to put.
    type Prepared = Option<FlushObject>;

    fn name(&self) -> &'static str {
        "replay"
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn view_generation(&self) -> u32 {
        self.view_generation
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Recordings]
    }

    fn ranges_per_second(&self) -> Option<u32> {
        Some(INSERTS_PER_SECOND)
    }

    fn prepare(
        &self,
        name: &RangeName,
        records: Vec<StoredRecord>,
    ) -> Result<Prepared<Option<FlushObject>>, PrepareError> {
        let range = LogRange {
            log_id: name.log_id,
            topic: name.partition.topic,
            partition: name.partition.partition,
            first: name.first,
            last: name.last,
        };
        let (mut builder, mut holds_any) = (FlushBuilder::new(range), false);
        let poison = convert_each(records, |origin, record| {
            match record {
                Record::Recording(batch) if self.erased.contains(&batch.project, batch.session_id) => {
                    dropped_as_erased(self.name());
                }
                Record::Recording(batch) => holds_any |= add(&mut builder, &batch, origin)?,
                Record::Erasure(erasure) => self.erased.note(&erasure),
                Record::Audit(_) => {}
            }
            Ok(())
        })?;
        let object = if holds_any {
            Some(
                builder
                    .finish()
                    .map_err(|error| PrepareError::Failed(error.to_string()))?,
            )
        } else {
            None
        };
        Ok(Prepared {
            bytes: object.as_ref().map_or(0, object_bytes),
            batch: object,
            poison,
        })
    }

    async fn write(&self, name: &RangeName, object: &Option<FlushObject>) -> Result<(), WriteError> {
        let Some(object) = object else { return Ok(()) };
        let rows = self.store(name, object).await?;
        failpoint::step("replay-index");
        let blocks = expected_blocks(&database(self.view_generation), &name.to_string(), &rows);
        for (done, expected) in blocks.iter().enumerate() {
            // The object stands already: a repetition finds it.
            self.analytics
                .insert(&expected.block)
                .await
                .map_err(|error| insert_failed(error, done))?;
        }
        Ok(())
    }

    async fn settle(&self, name: &RangeName, object: &Option<FlushObject>) -> Result<(), WriteError> {
        let Some(object) = object else { return Ok(()) };
        let rows = self.store(name, object).await?;
        failpoint::step("replay-index");
        let token = name.to_string();
        let blocks = expected_blocks(&database(self.view_generation), &token, &rows);
        let is_erased = |row: &ExpectedRow| {
            row.project
                .parse()
                .is_ok_and(|project| self.erased.contains_uuid(&project, row.owner))
        };
        let now = Micros(jiff::Timestamp::now().as_microsecond());
        settle(&*self.analytics, &token, &blocks, &is_erased, now)
            .await
            .map_err(settle_failed)
            .map(drop)
    }

    async fn has_rows(&self, partition: Partition) -> Result<bool, ViewError> {
        holds_rows(
            &*self.analytics,
            &database(self.view_generation),
            "segments",
            partition.partition,
        )
        .await
    }

    async fn on_assigned(&self, _partition: Partition) -> Result<(), ViewError> {
        self.erased
            .load()
            .await
            .map_err(|error| ViewError(error.to_string()))
    }
}
