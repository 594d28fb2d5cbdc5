//! Blocks to insert: the rows of one range for one table and one table partition, under one token.
//!
//! **Invariant:** the same rows in the same order give the same bytes and the same token, and a block never crosses
//! a table partition, so the engine makes one part of it and drops its repetition as a whole.
//! **Bound**: the engine splits blocks above 1,048,449 rows or 256 MB, which would break the token's meaning; ours are
//! cut far below, and what is cut is named in the token.

use std::collections::BTreeMap;

use bytes::Bytes;
use hindsight_schemas::row_binary::Row;

/// The most rows of a block.
pub const MAX_BLOCK_ROWS: usize = 500_000;
/// The most bytes of a block, in RowBinary.
pub const MAX_BLOCK_BYTES: usize = 128 << 20;

/// One insert: rows of one table partition in RowBinary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsertBlock {
    /// `database.table`.
    pub table: String,
    /// What makes a repetition known: the range's name, table, partition, part of it.
    pub token: String,
    /// The columns in the order of the rows' bytes.
    pub columns: &'static [&'static str],
    /// The rows.
    pub rows: Bytes,
    /// How many.
    pub row_count: usize,
}

impl InsertBlock {
    /// The same block under the token's next epoch: what settling uses when the engine knows the token but lost
    /// the rows.
    pub fn at_epoch(&self, epoch: u32) -> Self {
        Self {
            token: format!("{}#{epoch}", self.token),
            ..self.clone()
        }
    }
}

/// Collects rows of one table and cuts them into blocks by table partition.
#[derive(Debug)]
pub struct BlockBuilder {
    table: String,
    columns: &'static [&'static str],
    name: String,
    parts: BTreeMap<(u32, u32), (Vec<u8>, usize)>,
    open: BTreeMap<u32, u32>,
}

impl BlockBuilder {
    /// For the rows `R` of a range with this name, into a view generation's database.
    pub fn new<R: Row>(database: &str, name: &str) -> Self {
        Self {
            table: format!("{database}.{}", R::TABLE),
            columns: R::COLUMNS,
            name: name.to_owned(),
            parts: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// Adds a row, in the order of the log; says which block took it (blocks finish in this order).
    pub fn push<R: Row>(&mut self, row: &R) -> (u32, u32) {
        debug_assert!(
            self.table.ends_with(R::TABLE),
            "a row of {} in a block for {}",
            R::TABLE,
            self.table
        );
        let partition = row.partition();
        let piece = self.open.entry(partition).or_default();
        let full = self
            .parts
            .get(&(partition, *piece))
            .is_some_and(|(bytes, count)| *count >= MAX_BLOCK_ROWS || bytes.len() >= MAX_BLOCK_BYTES);
        *piece += u32::from(full);
        let taken_by = (partition, *piece);
        let (bytes, count) = self.parts.entry(taken_by).or_default();
        row.encode(bytes);
        *count += 1;
        taken_by
    }

    /// The blocks, each with its token.
    pub fn finish(self) -> Vec<InsertBlock> {
        let Self {
            table,
            columns,
            name,
            parts,
            ..
        } = self;
        parts
            .into_iter()
            .map(|((partition, piece), (bytes, row_count))| InsertBlock {
                token: format!("{name}/{table}/{partition}/{piece}"),
                table: table.clone(),
                columns,
                rows: bytes.into(),
                row_count,
            })
            .collect()
    }
}

/// The blocks of rows that are at hand.
pub fn blocks_of<R: Row>(database: &str, name: &str, rows: &[R]) -> Vec<InsertBlock> {
    let mut builder = BlockBuilder::new::<R>(database, name);
    for row in rows {
        builder.push(row);
    }
    builder.finish()
}
