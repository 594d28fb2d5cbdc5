//! Makes a view anew from what is kept for good: the objects of the segment store, and the log as far as it reaches.
//!
//! **Invariants.** The view is filled beside the one that is read ([`Fresh`]), and takes its place when it is whole; what
//! is read is never changed. Erasures are applied before that. No lane writes meanwhile, so what stands at the commits of
//! the lanes is what the view must hold. **Failure:** every error leaves the view that is read as it is; a repetition
//! begins anew. **Bounds:** [`fill::BYTES`] of rows in memory, and one session or some pages of the log.

mod again;
mod archive;
mod behind;
mod compare;
mod fill;
mod log;
mod reach;
mod replay_index;
mod search;
mod sessions;
mod tables;
mod whole_index;

use std::collections::BTreeMap;

use hindsight_engines::analytics::{InsertError, MigrateError, QueryError, SettleError};
use hindsight_engines::log::{Committed, ConsumerError};
use hindsight_engines::replay::ReplayError;
use hindsight_engines::search::SearchError;
use hindsight_engines::segments::{ReadError, StoreError};
use hindsight_schemas::ids::{Offset, Partition};

use crate::delivery::{PrepareError, WriteError};
use crate::jobs::Progress;

pub use hindsight_engines::analytics::Fresh;
pub use log::Rejected;
pub use replay_index::{IndexFilled, fill_replay_index};
pub use search::{SearchFilled, SearchSources, fill_search};
pub use tables::{Sources, TablesFilled, fill_tables};

/// The tables of the replay index.
pub const INDEX_TABLES: &[&str] = &["segments"];
/// The tables that recordings make.
pub const RECORDING_TABLES: &[&str] = &["batches", "recorder_events", "sessions"];
/// The table that audit events make.
pub const AUDIT_TABLES: &[&str] = &["audit_events"];

/// Up to where the lanes of a view have come.
pub type Commits = BTreeMap<Partition, Committed>;

/// Hears how far it is.
pub type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Why a view was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The new view would lack something that the old one has.
    #[error("{0}")]
    WouldLose(String),
    /// Nothing tells what the view must hold.
    #[error("{0}")]
    Unsure(String),
    /// Retention was faster than the reading of the log.
    #[error(
        "the log took the records {at} to {from} of partition {partition} away before they were read: begin again, and \
         raise log.retention_hours or log.retention_bytes if that happens once more"
    )]
    Overtaken {
        /// Of which partition.
        partition: Partition,
        /// What was to be read.
        at: Offset,
        /// The first that is kept.
        from: Offset,
    },
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
