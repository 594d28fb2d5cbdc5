//! Settling: finding out whether an ambiguous range is in ClickHouse, and putting it there if it is not.
//!
//! Read back; what is absent is inserted under the same token; read back; what is still absent is inserted under the
//! token's next epoch, because plain MergeTree logs a token before the part is in place and after a crash drops the
//! retry (with the child's repair this is a second line of defence). After [`EPOCHS`] epochs: [`SettleError::Lost`].
//! On replicated tables an answered OK is final.
//!
//! **Invariant:** a row is *there* if it is found at its position, or its identity at a winning one, or it is
//! erased, or past its expiry. **Bound**: read-backs of [`READ_BACK_ROWS`] identities each.

use std::collections::HashMap;

use async_trait::async_trait;
use hindsight_schemas::row_binary::{Micros, Millis, Row, Seconds};
use hindsight_schemas::rows::{AuditRow, Batch, RecorderEvent, Segment, Session};
use uuid::Uuid;

use super::block::{BlockBuilder, InsertBlock};
use super::find::{catch_up, find};
use super::{Analytics, InsertError, QueryError};
use crate::failpoint;

/// How many other tokens are tried for a block whose token is known and whose rows are not there.
pub const EPOCHS: u32 = 2;
/// The most identities of one read-back.
pub const READ_BACK_ROWS: usize = 10_000;

/// Which of several rows with one identity wins: the least. (offset, partition) where the row has a position.
pub type Rank = (u64, u64);

/// What must be in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedRow {
    /// The identity, as the table's expression renders it.
    pub identity: String,
    /// Its place among rows of this identity.
    pub rank: Rank,
    /// Whose it is.
    pub project: String,
    /// The session, or the audit event's id.
    pub owner: Uuid,
    /// The identity's own time.
    pub time: Millis,
    /// When it may be gone.
    pub expires_at: Seconds,
}

/// A block and what each of its rows is.
#[derive(Debug, Clone)]
pub struct ExpectedBlock {
    /// What to insert.
    pub block: InsertBlock,
    /// Its rows.
    pub rows: Vec<ExpectedRow>,
    table: TableShape,
}

/// How rows of a table are found again.
#[derive(Debug, Clone, Copy)]
pub struct TableShape {
    /// Expression of the identity's text.
    pub identity: &'static str,
    /// Expression of the rank, `Tuple(UInt64, UInt64)`.
    pub rank: &'static str,
    /// The column of the identity's own time, first in the sort key after the project.
    pub time: &'static str,
}

/// A row that can be found again.
pub trait Settles: Row {
    /// How.
    const SHAPE: TableShape;
    /// What this row must be found as.
    fn expected(&self) -> ExpectedRow;
}

const BY_POSITION: &str = "(log_offset, toUInt64(log_partition))";

macro_rules! settles {
    ($row:ty, $time:ident, $owner:ident, $rank_sql:expr, $identity_sql:literal, |$this:ident| $rank:expr, $($part:expr),*) => {
        impl Settles for $row {
            const SHAPE: TableShape = TableShape { identity: $identity_sql, rank: $rank_sql, time: stringify!($time) };

            fn expected(&self) -> ExpectedRow {
                let $this = self;
                ExpectedRow {
                    identity: [$this.project.clone(), $($part.to_string()),*].join("/"),
                    rank: $rank,
                    project: $this.project.clone(),
                    owner: $this.$owner,
                    time: $this.$time,
                    expires_at: $this.expires_at,
                }
            }
        }
    };
}
settles!(
    RecorderEvent,
    started_at,
    session_id,
    BY_POSITION,
    "concat(project, '/', toString(session_id), '/', tab, '/', toString(seq), '/', toString(`index`))",
    |row| (row.log_offset, u64::from(row.log_partition)),
    row.session_id,
    row.tab,
    row.seq,
    row.index
);
settles!(
    Batch,
    started_at,
    session_id,
    BY_POSITION,
    "concat(project, '/', toString(session_id), '/', tab, '/', toString(seq))",
    |row| (row.log_offset, u64::from(row.log_partition)),
    row.session_id,
    row.tab,
    row.seq
);
settles!(
    Segment,
    started_at,
    session_id,
    BY_POSITION,
    "concat(project, '/', toString(session_id), '/', toString(generation), '/', tab, '/', toString(seq_from), '/', \
     toString(frame), '/', object)",
    |row| (row.log_offset, u64::from(row.log_partition)),
    row.session_id,
    row.generation,
    row.tab,
    row.seq_from,
    row.frame,
    row.object
);
settles!(
    AuditRow,
    id_at,
    id,
    BY_POSITION,
    "concat(project, '/', toString(id))",
    |row| (row.log_offset, u64::from(row.log_partition)),
    row.id
);
settles!(
    Session,
    id_at,
    session_id,
    "(toUInt64(4294967295 - generation), toUInt64(0))",
    "concat(project, '/', toString(session_id))",
    |row| (u64::from(u32::MAX - row.generation), 0),
    row.session_id
);

/// The blocks of a range's rows, each with what is expected of it; tokens and bytes as [`super::blocks_of`] has them.
pub fn expected_blocks<R: Settles>(database: &str, name: &str, rows: &[R]) -> Vec<ExpectedBlock> {
    let mut builder = BlockBuilder::new::<R>(database, name);
    let mut expected: std::collections::BTreeMap<(u32, u32), Vec<ExpectedRow>> = Default::default();
    for row in rows {
        expected
            .entry(builder.push(row))
            .or_default()
            .push(row.expected());
    }
    let blocks = builder.finish().into_iter().zip(expected.into_values());
    blocks
        .map(|(block, rows)| ExpectedBlock {
            block,
            rows,
            table: R::SHAPE,
        })
        .collect()
}

/// Says whether a row's session or audit event was erased.
pub type Erased<'a> = dyn Fn(&ExpectedRow) -> bool + Sync + 'a;

/// How a range was settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Blocks that were there.
    pub found: usize,
    /// Blocks that were inserted.
    pub inserted: usize,
    /// The greatest epoch that was needed (0 = the range's own token did).
    pub epoch: u32,
}

/// Why a range is not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The engine answers OK and does not have the rows, under every token that is tried.
    #[error("range {range}: {missing} of {expected} rows of {table} are lost after {EPOCHS} epochs")]
    Lost {
        /// The range's name.
        range: String,
        /// The table.
        table: String,
        /// Rows that are absent.
        missing: usize,
        /// Rows of the block.
        expected: usize,
    },
    /// An insert failed; settle again later (`Rejected`: never).
    #[error("range {range} is not settled")]
    Insert {
        /// The range's name.
        range: String,
        /// Why.
        source: InsertError,
    },
    /// A read-back failed; settle again later.
    #[error("range {range} can't be read back")]
    ReadBack {
        /// The range's name.
        range: String,
        /// Why.
        source: QueryError,
    },
}

/// Settles a range. `now` decides what may have expired.
pub async fn settle(
    engine: &dyn Analytics,
    range: &str,
    blocks: &[ExpectedBlock],
    erased: &Erased<'_>,
    now: Micros,
) -> Result<Settled, SettleError> {
    settle_in(&Engine(engine), range, blocks, erased, now).await
}

/// The two things that settling does to an engine; a seam for the model in the tests.
#[async_trait]
trait Sink: Sync {
    async fn winners(
        &self,
        block: &ExpectedBlock,
        rows: &[&ExpectedRow],
    ) -> Result<HashMap<String, Rank>, QueryError>;
    async fn insert(&self, block: &InsertBlock) -> Result<(), InsertError>;
    async fn catch_up(&self, table: &str) -> Result<(), QueryError>;
    fn ok_is_final(&self) -> bool;
}

async fn settle_in(
    sink: &dyn Sink,
    range: &str,
    blocks: &[ExpectedBlock],
    erased: &Erased<'_>,
    now: Micros,
) -> Result<Settled, SettleError> {
    let mut settled = Settled::default();
    for expected in blocks {
        let read_back = |source| SettleError::ReadBack {
            range: range.to_owned(),
            source,
        };
        sink.catch_up(&expected.block.table).await.map_err(read_back)?;
        let mut missing = count_missing(sink, expected, erased, now)
            .await
            .map_err(read_back)?;
        settled.found += usize::from(missing == 0);
        settled.inserted += usize::from(missing > 0);
        for epoch in 0..=EPOCHS {
            if missing == 0 {
                break;
            }
            let block = if epoch == 0 {
                expected.block.clone()
            } else {
                expected.block.at_epoch(epoch)
            };
            let insert = |source| SettleError::Insert {
                range: range.to_owned(),
                source,
            };
            failpoint::step("analytics-read-back");
            sink.insert(&block).await.map_err(insert)?;
            settled.epoch = settled.epoch.max(epoch);
            let done = sink.ok_is_final();
            missing = if done {
                0
            } else {
                count_missing(sink, expected, erased, now)
                    .await
                    .map_err(read_back)?
            };
        }
        if missing > 0 {
            let (table, expected) = (expected.block.table.clone(), expected.rows.len());
            return Err(SettleError::Lost {
                range: range.to_owned(),
                table,
                missing,
                expected,
            });
        }
    }
    Ok(settled)
}

async fn count_missing(
    sink: &dyn Sink,
    block: &ExpectedBlock,
    erased: &Erased<'_>,
    now: Micros,
) -> Result<usize, QueryError> {
    let now_s = now.0.div_euclid(1_000_000);
    let needed = |row: &&ExpectedRow| i64::from(row.expires_at.0) > now_s && !erased(row);
    let rows: Vec<&ExpectedRow> = block.rows.iter().filter(needed).collect();
    let mut missing = 0;
    for rows in rows.chunks(READ_BACK_ROWS) {
        let winners = sink.winners(block, rows).await?;
        missing += rows
            .iter()
            .filter(|row| winners.get(&row.identity).is_none_or(|rank| *rank > row.rank))
            .count();
    }
    Ok(missing)
}

struct Engine<'a>(&'a dyn Analytics);

#[async_trait]
impl Sink for Engine<'_> {
    async fn winners(
        &self,
        block: &ExpectedBlock,
        rows: &[&ExpectedRow],
    ) -> Result<HashMap<String, Rank>, QueryError> {
        let found = find(self.0, &block.block.table, block.table, rows).await?;
        let winners = found.into_iter().map(|(identity, found)| (identity, found.rank));
        Ok(winners.collect())
    }

    async fn insert(&self, block: &InsertBlock) -> Result<(), InsertError> {
        self.0.insert(block).await
    }

    async fn catch_up(&self, table: &str) -> Result<(), QueryError> {
        catch_up(self.0, table).await
    }

    fn ok_is_final(&self) -> bool {
        self.0.replicated()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A plain MergeTree that logs a token before the part is in place, and loses the part `losses` times.
    struct Model {
        tokens: Mutex<Vec<String>>,
        rows: Mutex<HashMap<String, Rank>>,
        losses: Mutex<usize>,
    }

    impl Model {
        fn losing(losses: usize) -> Self {
            Self {
                tokens: Mutex::default(),
                rows: Mutex::default(),
                losses: Mutex::new(losses),
            }
        }
    }

    #[async_trait]
    impl Sink for Model {
        async fn winners(
            &self,
            _: &ExpectedBlock,
            _: &[&ExpectedRow],
        ) -> Result<HashMap<String, Rank>, QueryError> {
            Ok(self.rows.lock().unwrap().clone())
        }

        async fn insert(&self, block: &InsertBlock) -> Result<(), InsertError> {
            let mut tokens = self.tokens.lock().unwrap();
            if tokens.contains(&block.token) {
                return Ok(());
            }
            tokens.push(block.token.clone());
            let mut losses = self.losses.lock().unwrap();
            if *losses > 0 {
                *losses -= 1;
                return Ok(());
            }
            let mut rows = self.rows.lock().unwrap();
            for row in fixture().remove(0).rows {
                rows.insert(row.identity, row.rank);
            }
            Ok(())
        }

        async fn catch_up(&self, _: &str) -> Result<(), QueryError> {
            Ok(())
        }

        fn ok_is_final(&self) -> bool {
            false
        }
    }

    fn fixture() -> Vec<ExpectedBlock> {
        let rows = [
            super::super::conformance::batch_row(7, 100),
            super::super::conformance::batch_row(8, 101),
        ];
        expected_blocks("db", "g1/log/p0/100-101", &rows)
    }

    async fn check(model: &Model, erased: &Erased<'_>, now: Micros) -> Result<Settled, String> {
        settle_in(model, "100-101", &fixture(), erased, now)
            .await
            .map_err(|error| error.to_string())
    }

    const NOT_ERASED: &Erased<'static> = &|_| false;

    #[tokio::test]
    async fn a_lost_part_comes_back_under_the_next_epoch() {
        let model = Model::losing(1);
        assert_eq!(
            check(&model, NOT_ERASED, Micros(0)).await,
            Ok(Settled {
                found: 0,
                inserted: 1,
                epoch: 1
            })
        );
        assert_eq!(
            check(&model, NOT_ERASED, Micros(0)).await,
            Ok(Settled {
                found: 1,
                inserted: 0,
                epoch: 0
            })
        );
    }

    #[tokio::test]
    async fn after_two_epochs_the_range_is_named() {
        let error = check(&Model::losing(3), NOT_ERASED, Micros(0)).await.unwrap_err();
        assert_eq!(
            error,
            "range 100-101: 2 of 2 rows of db.batches are lost after 2 epochs"
        );
    }

    #[tokio::test]
    async fn erased_and_expired_rows_are_not_missed() {
        let model = Model::losing(9);
        assert_eq!(
            check(&model, &|_| true, Micros(0))
                .await
                .map(|settled| settled.found),
            Ok(1)
        );
        let past_expiry = Micros((i64::from(u32::MAX) + 1) * 1_000_000);
        assert_eq!(
            check(&model, NOT_ERASED, past_expiry)
                .await
                .map(|settled| settled.found),
            Ok(1)
        );
    }

    #[tokio::test]
    async fn a_winning_twin_counts_and_a_losing_one_does_not() {
        let twins = |offset: u64| {
            let model = Model::losing(9);
            let rows = fixture()
                .remove(0)
                .rows
                .into_iter()
                .map(|row| (row.identity, (offset, 0)));
            model.rows.lock().unwrap().extend(rows);
            model
        };
        assert_eq!(
            check(&twins(99), NOT_ERASED, Micros(0))
                .await
                .map(|settled| settled.found),
            Ok(1)
        );
        assert!(check(&twins(102), NOT_ERASED, Micros(0)).await.is_err());
    }
}
