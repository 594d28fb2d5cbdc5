//! Makes a view anew from what is kept for good: the objects of the segment store, and the log as far as it reaches.
//!
//! **Invariants.** The view is filled beside the one that is read ([`Fresh`]), and takes its place when it is whole; what
//! is read is never changed. Erasures are applied before that. No lane writes meanwhile, so what stands at the commits of
//! the lanes is what the view must hold. **Failure:** every error leaves the view that is read as it is; a repetition
//! begins anew. **Bounds:** [`fill::ROWS`] rows in memory, and one session or one page of the log.

mod archive;
mod compare;
mod fill;
mod log;
mod reach;
mod replay_index;
mod search;
mod sessions;
mod tables;

use hindsight_engines::analytics::{InsertError, MigrateError, QueryError, SettleError};
use hindsight_engines::log::ConsumerError;
use hindsight_engines::replay::ReplayError;
use hindsight_engines::search::SearchError;
use hindsight_engines::segments::{ReadError, StoreError};

use crate::delivery::{PrepareError, WriteError};
use crate::jobs::Progress;

pub use hindsight_engines::analytics::Fresh;
pub use replay_index::{IndexFilled, fill_replay_index};
pub use search::{SearchFilled, SearchSources, fill_search};
pub use tables::{Sources, TablesFilled, fill_tables};

/// The tables of the replay index.
pub const INDEX_TABLES: &[&str] = &["segments"];
/// The tables that recordings make.
pub const RECORDING_TABLES: &[&str] = &["batches", "recorder_events", "sessions"];
/// The table that audit events make.
pub const AUDIT_TABLES: &[&str] = &["audit_events"];

/// Hears how far it is.
pub type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Why a view was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The new view would lack something that the old one has.
    #[error("{0}")]
    WouldLose(String),
    /// The tables can't be made.
    #[error("clickhouse: {0}")]
    Migrate(#[from] MigrateError),
    /// ClickHouse failed.
    #[error("clickhouse: {0}")]
    Query(#[from] QueryError),
    /// It does not take rows.
    #[error("clickhouse: {0}")]
    Insert(#[from] InsertError),
    /// Whether it took them can't be found out.
    #[error("clickhouse: {0}")]
    Settle(#[from] SettleError),
    /// The segment store failed.
    #[error("segments: {0}")]
    Store(#[from] StoreError),
    /// An object can't be read.
    #[error("segments: {0}")]
    Read(#[from] ReadError),
    /// A session's parts can't be told.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The log failed.
    #[error("log: {0}")]
    Log(#[from] ConsumerError),
    /// Records of the log can't be converted.
    #[error("log: {0}")]
    Prepare(#[from] PrepareError),
    /// Search failed.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// What was made of the log was not taken.
    #[error("{0}")]
    Write(#[from] WriteError),
}
