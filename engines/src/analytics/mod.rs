//! The analytics seam: ClickHouse, embedded (libchdb in a supervised child) or a real server, by one HTTP client.
//!
//! **Invariants** (pinned by the conformance suite): one [`InsertBlock`] is one insert of one block under one token;
//! a second insert under a token that the engine still knows adds nothing; [`InsertError::Rejected`] says that
//! nothing was written and that the same block can never be; after [`InsertError::Ambiguous`] anything may be
//! true, and only settling ([`settle`]) finds out. An error in the middle of a result is an error of its
//! stream, never a short result.
//!
//! **Bounds**: a block by [`MAX_BLOCK_ROWS`] and [`MAX_BLOCK_BYTES`], a statement by its `max_execution_time`.

mod block;
pub mod chdb;
mod check;
pub mod conformance;
mod find;
mod fresh;
mod http;
mod migrate;
mod query;
mod server;
mod settle;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use hindsight_schemas::row_binary::Row;
use serde::de::DeserializeOwned;

pub use block::{BlockBuilder, InsertBlock, MAX_BLOCK_BYTES, MAX_BLOCK_ROWS, blocks_of};
pub use find::{FoundRow, catch_up, find_rows};
pub use fresh::{Fresh, SwitchError, drop_left, replaced_tables};
pub use http::{Endpoint, HttpAnalytics, HttpOptions};
pub use query::{Param, Query};
pub use server::{OpenError, ServerOptions, look_at_server, open_server, open_server_as_it_is};
pub use settle::{
    EPOCHS, Erased, ExpectedBlock, ExpectedRow, READ_BACK_ROWS, Rank, SettleError, Settled, Settles,
    TableShape, expected_blocks, settle,
};

/// The bytes of a result, chunk by chunk.
pub type ByteStream = BoxStream<'static, Result<Bytes, QueryError>>;

/// Why a statement gave no (whole) result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The engine refused or stopped it, in its own words.
    #[error("clickhouse error {code}: {message}")]
    Engine {
        /// ClickHouse's error code (60 unknown table, 62 syntax, 159 time-out, 241 memory, ...).
        code: i32,
        /// Its message.
        message: String,
    },
    /// The engine is away or overloaded; the same statement may work later.
    #[error("clickhouse is away: {0}")]
    Unavailable(String),
    /// The result was cut or could not be read.
    #[error("clickhouse result is unreadable: {0}")]
    Unreadable(String),
}

/// Why an insert was not answered OK.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// The block itself is at fault (types, data, unknown column): nothing was written, and never will be.
    #[error("clickhouse rejected the block (code {code}): {message}")]
    Rejected {
        /// ClickHouse's error code.
        code: i32,
        /// Its message.
        message: String,
    },
    /// Nothing was sent, or the engine refused it before it began (memory, too many parts, read-only).
    #[error("clickhouse can't take an insert now: {0}")]
    Unavailable(String),
    /// All or nothing of it may have been written: settle.
    #[error("whether clickhouse wrote the block is unknown: {0}")]
    Ambiguous(String),
}

/// Why migrations stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrateError {
    /// An applied migration's text is not the one of this version.
    #[error("migration {number} ({name}) was applied with another text; start the version that applied it")]
    Changed {
        /// Its number.
        number: u32,
        /// Its name.
        name: String,
    },
    /// A newer version has migrated this database.
    #[error("the database is at migration {found}, this version knows up to {known}; start a newer version")]
    Newer {
        /// What the database has.
        found: u32,
        /// What this version has.
        known: u32,
    },
    /// Too old.
    #[error(
        "clickhouse is {found}, {least} or later is needed: earlier ones don't mark an error within a result"
    )]
    Version {
        /// What it says.
        found: String,
        /// The least.
        least: String,
    },
    /// A table is not as it was made.
    #[error("table {table}: {property} is {found}, {wanted} is needed: {remedy}")]
    Differs {
        /// With its database.
        table: String,
        /// What about it.
        property: String,
        /// How it is.
        found: String,
        /// How it has to be.
        wanted: String,
        /// What to do.
        remedy: String,
    },
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// ClickHouse as Hindsight uses it.
#[async_trait]
pub trait Analytics: Send + Sync {
    /// Answers when the engine does.
    async fn ping(&self) -> Result<(), QueryError>;

    /// Brings the tables of a view generation up to date and points the views for people at it. Can be repeated.
    async fn migrate(&self, view_generation: u32) -> Result<(), MigrateError>;

    /// Makes the tables that a database of this name lacks, and leaves those that are there. Can be repeated.
    async fn make_tables(&self, database: &str) -> Result<(), MigrateError>;

    /// A statement about whole tables or databases, on every node where there are several.
    async fn alter(&self, statement: String) -> Result<(), QueryError>;

    /// One insert of one block. OK means written and durable, or already known under its token.
    async fn insert(&self, block: &InsertBlock) -> Result<(), InsertError>;

    /// A statement's result as bytes in the query's format. An error before the first chunk is the call's.
    async fn stream(&self, query: Query) -> Result<ByteStream, QueryError>;

    /// A statement without result (DDL, deletes).
    async fn execute(&self, query: Query) -> Result<(), QueryError>;

    /// What each insert needs besides its token where tables are replicated; false = plain MergeTree.
    fn replicated(&self) -> bool;
}

/// The longest result that [`query_rows`] takes into memory.
pub const MAX_ROWS_BYTES: usize = 256 << 20;

/// All rows of a SELECT. Times come as RFC 3339 text, 64-bit integers as numbers; `FORMAT` must not be in the text.
pub async fn query_rows<T: DeserializeOwned>(
    engine: &dyn Analytics,
    query: Query,
) -> Result<Vec<T>, QueryError> {
    use futures::TryStreamExt;
    let mut chunks = engine.stream(query.in_json_lines()).await?;
    let mut text = Vec::new();
    while let Some(chunk) = chunks.try_next().await? {
        if text.len() + chunk.len() > MAX_ROWS_BYTES {
            return Err(QueryError::Unreadable(format!(
                "over {MAX_ROWS_BYTES} bytes (MAX_ROWS_BYTES)"
            )));
        }
        text.extend_from_slice(&chunk);
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).map_err(|error| QueryError::Unreadable(error.to_string())))
        .collect()
}

/// All rows of one of our tables that meet a condition.
pub async fn table_rows<R: Row + DeserializeOwned>(
    engine: &dyn Analytics,
    database: &str,
    condition: &str,
) -> Result<Vec<R>, QueryError> {
    let sql = format!(
        "SELECT {} FROM {database}.{} WHERE {condition}",
        R::select_list(),
        R::TABLE
    );
    query_rows(engine, Query::new(sql)).await
}
