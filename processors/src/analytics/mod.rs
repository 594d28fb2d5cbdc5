//! The analytics view: rows of `recorder_events`, `batches` and `audit_events` in ClickHouse.
//!
//! **Invariant:** per table and table partition one insert of one block under the range's name; the same records
//! give the same bytes. An ambiguous range is settled by reading back, never by hoping for the token.
//! **At an erasure** the lane deletes the named sessions' rows after its own inserts, so what stood before the
//! erasure in the same range goes too; later batches of an erased session are dropped and counted as `erased`.

pub(crate) mod erase;
pub(crate) mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use hindsight_engines::analytics::{
    Analytics, ExpectedBlock, ExpectedRow, InsertError, Query, QueryError, SettleError, expected_blocks,
    query_rows, settle,
};
use hindsight_engines::failpoint;
use hindsight_engines::log::StoredRecord;
use hindsight_schemas::ddl::database;
use hindsight_schemas::ids::{Partition, Topic};
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Record;
use hindsight_schemas::row_binary::Micros;
use hindsight_schemas::rows::{AuditRow, Batch, RecorderEvent};
use serde::Deserialize;

use crate::decode::{Blame, convert_each};
use crate::delivery::meters::dropped_as_erased;
use crate::delivery::{Materializer, PrepareError, Prepared, RangeName, ViewError, WriteError};
use crate::erasure::ErasedSessions;
use erase::Erasures;

/// The version of the conversion: another one makes other rows of the same records.
const VERSION: u32 = 1;
/// Of the lanes, their group and their metrics.
const NAME: &str = "analytics";

/// Makes the analytics view.
pub struct AnalyticsView {
    engine: Arc<dyn Analytics>,
    erased: ErasedSessions,
    view_generation: u32,
    database: String,
}

impl AnalyticsView {
    /// Writes to this engine.
    pub fn new(engine: Arc<dyn Analytics>, erased: ErasedSessions, view_generation: u32) -> Self {
        Self {
            engine,
            erased,
            view_generation,
            database: database(view_generation),
        }
    }

    /// The tables of another database, which nobody reads yet.
    pub(crate) fn in_database(mut self, database: &str) -> Self {
        database.clone_into(&mut self.database);
        self
    }
}

/// Inserts into one table by one process, as long as they are small: ClickHouse makes a part of each, and merges them.
pub const INSERTS_PER_SECOND: u32 = 6;

/// What a block takes: its bytes, and what is expected of each row for settling.
fn block_bytes(expected: &ExpectedBlock) -> usize {
    const ROW: usize = 256;
    expected.block.rows.len() + expected.rows.len() * ROW
}

/// What a range becomes: blocks, then erasures.
pub struct Blocks {
    blocks: Vec<ExpectedBlock>,
    erasures: Erasures,
}

#[derive(Default)]
struct Rows {
    batches: Vec<Batch>,
    events: Vec<RecorderEvent>,
    audit: Vec<AuditRow>,
    erasures: Erasures,
}

impl Rows {
    fn add(&mut self, origin: &StoredRecord, record: Record, erased: &ErasedSessions) -> Result<(), Blame> {
        let unreadable = |error: &dyn std::error::Error| (Reason::PoisonBody, error.to_string());
        match record {
            Record::Recording(batch) if erased.contains(&batch.project, batch.session_id) => {
                dropped_as_erased(NAME);
            }
            Record::Recording(batch) => {
                let made = rows::batch_rows(&batch, origin.position, origin.appended_at_ms)
                    .map_err(|error| unreadable(&error))?;
                self.batches.push(made.batch);
                self.events.extend(made.events);
            }
            Record::Audit(event) => {
                self.audit
                    .push(rows::audit_row(&event, origin.position).map_err(|error| unreadable(&error))?);
            }
            Record::Erasure(erasure) => {
                erased.note(&erasure);
                self.erasures.add(erasure);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Materializer for AnalyticsView {
    type Prepared = Blocks;

    fn name(&self) -> &'static str {
        NAME
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

    fn ranges_per_second(&self) -> Option<u32> {
        Some(INSERTS_PER_SECOND)
    }

    fn prepare(
        &self,
        name: &RangeName,
        records: Vec<StoredRecord>,
    ) -> Result<Prepared<Blocks>, PrepareError> {
        let mut rows = Rows::default();
        let poison = convert_each(records, |origin, record| rows.add(origin, record, &self.erased))?;
        let (database, token) = (&self.database, name.to_string());
        let mut blocks = expected_blocks(database, &token, &rows.batches);
        blocks.extend(expected_blocks(database, &token, &rows.events));
        blocks.extend(expected_blocks(database, &token, &rows.audit));
        let bytes = blocks.iter().map(block_bytes).sum();
        Ok(Prepared {
            bytes,
            batch: Blocks {
                blocks,
                erasures: rows.erasures,
            },
            poison,
        })
    }

    async fn write(&self, _name: &RangeName, batch: &Blocks) -> Result<(), WriteError> {
        // At once, because each waits for the disk: the tables don't depend on each other.
        let inserts = batch
            .blocks
            .iter()
            .map(|expected| self.engine.insert(&expected.block));
        let mut failed = Vec::new();
        for outcome in join_all(inserts).await {
            failed.extend(outcome.err());
        }
        let done = batch.blocks.len() - failed.iter().filter(|error| is_unwritten(error)).count();
        if let Some(error) = failed.pop() {
            return Err(insert_failed(error, done));
        }
        self.erase(batch).await
    }

    async fn settle(&self, name: &RangeName, batch: &Blocks) -> Result<(), WriteError> {
        let is_erased = |row: &ExpectedRow| {
            row.project
                .parse()
                .is_ok_and(|project| self.erased.contains_uuid(&project, row.owner))
        };
        let now = Micros(jiff::Timestamp::now().as_microsecond());
        settle(&*self.engine, &name.to_string(), &batch.blocks, &is_erased, now)
            .await
            .map_err(settle_failed)?;
        self.erase(batch).await
    }

    async fn has_rows(&self, partition: Partition) -> Result<bool, ViewError> {
        let table = match partition.topic {
            Topic::Audit => "audit_events",
            _ => "batches",
        };
        holds_rows(&*self.engine, &self.database, table, partition.partition).await
    }

    async fn on_assigned(&self, _partition: Partition) -> Result<(), ViewError> {
        self.erased
            .load()
            .await
            .map_err(|error| ViewError(error.to_string()))
    }
}

impl AnalyticsView {
    async fn erase(&self, batch: &Blocks) -> Result<(), WriteError> {
        failpoint::step("analytics-erase");
        batch
            .erasures
            .carry_out(&*self.engine, &self.database)
            .await
            .map_err(|error| WriteError::Ambiguous(error.to_string()))
    }
}

/// Whether a table holds a row of this partition of the log.
pub(crate) async fn holds_rows(
    engine: &dyn Analytics,
    database: &str,
    table: &str,
    partition: u32,
) -> Result<bool, ViewError> {
    #[derive(Deserialize)]
    struct One {
        #[serde(rename = "1")]
        _one: u8,
    }
    let sql = format!("SELECT 1 FROM {database}.{table} WHERE log_partition = {{partition:UInt32}} LIMIT 1");
    let found: Result<Vec<One>, QueryError> =
        query_rows(engine, Query::new(sql).param("partition", partition)).await;
    found
        .map(|rows| !rows.is_empty())
        .map_err(|error| ViewError(error.to_string()))
}

/// `done` blocks of the range are there already, or may be: then nothing may be said to be unwritten.
pub(crate) fn insert_failed(error: InsertError, done: usize) -> WriteError {
    if done == 0 && is_unwritten(&error) {
        WriteError::Refused(error.to_string())
    } else {
        WriteError::Ambiguous(error.to_string())
    }
}

fn is_unwritten(error: &InsertError) -> bool {
    matches!(error, InsertError::Rejected { .. } | InsertError::Unavailable(_))
}

pub(crate) fn settle_failed(error: SettleError) -> WriteError {
    WriteError::Ambiguous(error.to_string())
}
