//! Removes what nobody needs any more: superseded generations, flush objects that were compacted, sessions and documents
//! past their retention, what is left of erased sessions, data objects that no claim names, tables that were replaced.
//!
//! **Invariants.** What the standing claim of a session names stays until it has expired or is erased. A flush object
//! goes only if each of its batches is in a standing generation whose data object was read and checked whole
//! ([`covered`]). What may go stays for the grace, so a reader of an old manifest can finish. Index before object, claim
//! before data where a session goes as a whole, data before claim where a generation was superseded: what points to an
//! object goes first, or is not looked at any more.
//!
//! **Failure:** every step may be repeated, and a round finds by names alone what an earlier one left half done: nothing
//! is remembered between rounds but what was already looked at. An object that fails is counted and left for the next
//! round. **Bounds:** one page of names ([`walk::PAGE`]) and one object at a time; [`covered::BATCHES_KEPT`].

mod covered;
mod data;
mod flushes;
mod generations;
mod rows;
pub(crate) mod walk;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hindsight_engines::analytics::QueryError;
use hindsight_engines::search::{Search, SearchError};
use hindsight_engines::segments::{ReadError, SegmentPath, SegmentStore, StoreError};
use tokio::sync::watch;

use super::ownership::Held;
use crate::erasure::ErasedSessions;
use covered::Covered;

pub use rows::{AnalyticsRows, FlushRows, SegmentRows};

/// Data objects without a claim stay at least for this long, however short the grace is: a compactor may be about to
/// claim one that is younger than [`hindsight_engines::segments::compact::ADOPTED_WITHIN`].
pub const UNCLAIMED_GRACE: Duration = Duration::from_secs(3600);
/// The first round comes so long after the start, or after one interval if that is shorter.
const FIRST_ROUND: Duration = Duration::from_secs(60);
/// Parts in which search may remove documents in one round.
const SEARCH_PARTS: usize = 1000;

/// When things go.
#[derive(Debug, Clone, Copy)]
pub struct RemovalOptions {
    /// How long something stays after it may go (default 24 h): longer than any reader reads, and than any process that
    /// was put out of its group goes on writing.
    pub grace: Duration,
    /// Between two rounds (default 1 h).
    pub interval: Duration,
}

impl Default for RemovalOptions {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(24 * 3600),
            interval: Duration::from_secs(3600),
        }
    }
}

/// Why a round was cut short, or an object left for the next one.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// The segment store failed.
    #[error("segments: {0}")]
    Store(#[from] StoreError),
    /// An object can't be read.
    #[error("segments: {0}")]
    Read(#[from] ReadError),
    /// The index failed.
    #[error("replay index: {0}")]
    Rows(#[from] QueryError),
    /// Search failed.
    #[error("search: {0}")]
    Search(#[from] SearchError),
    /// A claim names a data object that isn't of its session and generation.
    #[error("claim {claim} names the object {data}, which is none of its own: it is left as it is")]
    Foreign {
        /// The claim.
        claim: String,
        /// What it names.
        data: String,
    },
}

/// What went in a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Flush objects.
    pub flushes: u64,
    /// Data objects.
    pub data: u64,
    /// Claims.
    pub claims: u64,
    /// Search documents.
    pub documents: u64,
}

/// Removes.
pub struct Remover {
    segments: Arc<dyn SegmentStore>,
    rows: Arc<dyn SegmentRows>,
    search: Arc<dyn Search>,
    erased: ErasedSessions,
    view_generation: u32,
    options: RemovalOptions,
    covered: Covered,
    /// Data objects made before this moment, Unix milliseconds, were found claimed.
    claimed_before_ms: i64,
}

/// One round: its moment, what it may do, what it did.
struct Round<'a> {
    now_ms: i64,
    stop: &'a watch::Receiver<bool>,
    removed: Removed,
}

impl Round<'_> {
    fn now_s(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    fn is_past(&self, since_ms: i64, grace: Duration) -> bool {
        let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        since_ms.saturating_add(grace_ms) <= self.now_ms
    }

    fn stopped(&self) -> bool {
        *self.stop.borrow()
    }
}

impl Remover {
    /// Over these engines.
    pub fn new(
        segments: Arc<dyn SegmentStore>,
        rows: Arc<dyn SegmentRows>,
        search: Arc<dyn Search>,
        erased: ErasedSessions,
        view_generation: u32,
        options: RemovalOptions,
    ) -> Self {
        Self {
            segments,
            rows,
            search,
            erased,
            view_generation,
            options,
            covered: Covered::default(),
            claimed_before_ms: i64::MIN,
        }
    }

    /// Works until `stop` turns true or is dropped, in the one process that leads; an object that is being removed is
    /// finished.
    pub async fn run(mut self, held: Held, mut stop: watch::Receiver<bool>) {
        let mut pause = self.options.interval.min(FIRST_ROUND);
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                changed = stop.changed() => if changed.is_err() || *stop.borrow() { return },
            }
            pause = self.options.interval;
            if !held.leads() {
                continue;
            }
            match self.round(unix_ms(), &stop).await {
                Ok(removed) if removed == Removed::default() => {}
                Ok(removed) => tracing::info!(?removed, "lifecycle removed what nobody needs"),
                Err(error) => {
                    metrics::counter!("hindsight_removal_failures_total").increment(1);
                    tracing::warn!(%error, "lifecycle round cut short, trying again later");
                }
            }
        }
    }

    /// One round over everything, as of a moment in Unix milliseconds.
    pub async fn round(
        &mut self,
        now_ms: i64,
        stop: &watch::Receiver<bool>,
    ) -> Result<Removed, RemovalError> {
        let mut round = Round {
            now_ms,
            stop,
            removed: Removed::default(),
        };
        self.erased.load().await?;
        self.remove_erased(&mut round).await?;
        self.remove_superseded(&mut round).await?;
        self.remove_data(&mut round).await?;
        self.remove_flushes(&mut round).await?;
        self.remove_documents(&mut round).await?;
        let grace_s = i64::try_from(self.options.grace.as_secs()).unwrap_or(i64::MAX);
        self.rows.drop_left(round.now_s().saturating_sub(grace_s)).await?;
        Ok(round.removed)
    }

    async fn remove_documents(&self, round: &mut Round<'_>) -> Result<(), RemovalError> {
        self.search.follow().await?;
        for _ in 0..SEARCH_PARTS {
            let part = self.search.expire(round.now_s()).await?;
            round.removed.documents += part;
            metrics::counter!("hindsight_documents_expired_total").increment(part);
            if part == 0 || round.stopped() {
                break;
            }
        }
        Ok(())
    }

    /// Removes one object, which may be gone already.
    async fn remove(
        &self,
        round: &mut Round<'_>,
        path: &SegmentPath,
        why: &'static str,
    ) -> Result<(), StoreError> {
        self.segments.delete(path).await?;
        let (kind, count) = match path {
            SegmentPath::Flush { .. } => ("flush", &mut round.removed.flushes),
            SegmentPath::Data { .. } => ("data", &mut round.removed.data),
            _ => ("claim", &mut round.removed.claims),
        };
        *count += 1;
        metrics::counter!("hindsight_objects_removed_total", "kind" => kind, "why" => why).increment(1);
        tracing::debug!(%path, why, "removed");
        Ok(())
    }
}

/// One object could not be looked at or removed; the others go on.
fn left(what: &dyn std::fmt::Display, error: &RemovalError) {
    metrics::counter!("hindsight_removal_failures_total").increment(1);
    tracing::warn!(object = %what, %error, "left as it is until the next round");
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
