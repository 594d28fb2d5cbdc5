//! Proposes closes for the partitions that are ours, one sweep after another.
//!
//! A session that fails to close is left alone for [`PAUSE`] and said in the log; the others go on. **Bound:** one
//! session is compacted at a time in a process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hindsight_engines::analytics::Analytics;
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::segments::CompactOptions;
use hindsight_schemas::ddl::database;
use hindsight_schemas::ids::{Partition, SessionId};
use hindsight_schemas::row_binary::Millis;
use tokio::sync::watch;

use super::candidates::{AT_ONCE, Candidate, candidates, count_open};
use super::close::{Closed, Closing};
use super::ownership::Held;
use super::watermark::Watermarks;
use crate::erasure::ErasedSessions;

/// How long a session that could not be closed is left alone.
const PAUSE: Duration = Duration::from_secs(60);
/// How often open sessions are counted.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// When sessions are closed.
#[derive(Debug, Clone, Copy)]
pub struct CloserOptions {
    /// Silence behind which a session is over (default 150 s).
    pub silence: Duration,
    /// Between two sweeps (default 2 s).
    pub interval: Duration,
    /// How sessions are packed.
    pub compact: CompactOptions,
}

impl Default for CloserOptions {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(150),
            interval: Duration::from_secs(2),
            compact: CompactOptions::default(),
        }
    }
}

/// Closes sessions.
pub struct Closer {
    analytics: Arc<dyn Analytics>,
    replays: Arc<ReplayIndex>,
    erased: ErasedSessions,
    held: Held,
    watermarks: Watermarks,
    database: String,
    options: CloserOptions,
    /// Up to where each partition was swept whole.
    swept: HashMap<Partition, i64>,
    paused: HashMap<SessionId, Instant>,
    counted: Option<Instant>,
}

impl Closer {
    /// Closes the sessions of the partitions that are held, behind `watermarks`: those of analytics and replay, as a
    /// session is looked for in the one and compacted from the other.
    pub fn new(
        analytics: Arc<dyn Analytics>,
        replays: Arc<ReplayIndex>,
        erased: ErasedSessions,
        held: Held,
        watermarks: Watermarks,
        view_generation: u32,
        options: CloserOptions,
    ) -> Self {
        Self {
            analytics,
            replays,
            erased,
            held,
            watermarks,
            database: database(view_generation),
            options,
            swept: HashMap::new(),
            paused: HashMap::new(),
            counted: None,
        }
    }

    /// Sweeps until `stop` turns true or is dropped; a close that has begun is finished.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            self.sweep(&stop).await;
            self.count_open().await;
            tokio::select! {
                () = tokio::time::sleep(self.options.interval) => {}
                changed = stop.changed() => if changed.is_err() || *stop.borrow() { return },
            }
        }
    }

    async fn sweep(&mut self, stop: &watch::Receiver<bool>) {
        self.paused.retain(|_, since| since.elapsed() < PAUSE);
        let held = self.held.partitions();
        self.swept.retain(|partition, _| held.contains(partition));
        for partition in held {
            let Some(watermark_ms) = self.watermarks.of(partition) else {
                continue;
            };
            if *stop.borrow() {
                return;
            }
            self.sweep_partition(partition, watermark_ms, stop).await;
        }
    }

    /// Shows how many sessions of the partitions that are ours are open.
    async fn count_open(&mut self) {
        if self.counted.is_some_and(|at| at.elapsed() < COUNT_EVERY) {
            return;
        }
        self.counted = Some(Instant::now());
        let held = self.held.partitions();
        let since = held
            .iter()
            .map(|partition| self.swept.get(partition).copied().unwrap_or(0));
        let open = match since.min() {
            None => Ok(0),
            Some(since) => {
                let held: Vec<u32> = held.iter().map(|partition| partition.partition).collect();
                count_open(&*self.analytics, &self.database, &held, Millis(since)).await
            }
        };
        match open {
            Ok(open) => metrics::gauge!("hindsight_open_sessions").set(open as f64),
            Err(error) => tracing::warn!(%error, "open sessions can't be counted"),
        }
    }

    async fn sweep_partition(
        &mut self,
        partition: Partition,
        watermark_ms: i64,
        stop: &watch::Receiver<bool>,
    ) {
        let silence_ms = i64::try_from(self.options.silence.as_millis()).unwrap_or(i64::MAX);
        let silent_since = watermark_ms.saturating_sub(silence_ms);
        let since = self.swept.get(&partition).copied().unwrap_or(0);
        let found = candidates(
            &*self.analytics,
            &self.database,
            partition.partition,
            Millis(since),
            Millis(silent_since),
            AT_ONCE + self.paused.len(),
        );
        let found = match found.await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%partition, %error, "sessions to close can't be asked for");
                return;
            }
        };
        // A full answer may not be all of them.
        let mut left = found.len() >= AT_ONCE;
        for candidate in found {
            if *stop.borrow() {
                return;
            }
            left |= self.paused.contains_key(&candidate.session) || !self.close(&candidate).await;
        }
        if !left {
            // What was appended after this moment may not have been silent yet.
            self.swept
                .insert(partition, silent_since.saturating_sub(silence_ms));
        }
    }

    /// Whether the session is closed now.
    async fn close(&mut self, candidate: &Candidate) -> bool {
        match self.erased.ask(&candidate.project, candidate.session).await {
            Ok(true) => return true,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(session = %candidate.session, %error, "whether it is erased can't be asked");
                return false;
            }
        }
        let closing = Closing {
            analytics: &*self.analytics,
            replays: &self.replays,
            erased: &self.erased,
            database: &self.database,
            options: self.options.compact,
        };
        match closing.close(candidate).await {
            Ok(Closed::Generation(generation)) => {
                metrics::counter!("hindsight_sessions_closed_total").increment(1);
                tracing::debug!(session = %candidate.session, generation, "session closed");
                true
            }
            Ok(Closed::AsItWas) => true,
            Ok(Closed::Damaged) => {
                metrics::counter!("hindsight_sessions_closed_damaged_total").increment(1);
                tracing::error!(
                    session = %candidate.session,
                    "session closed with frames that can't be read: restore the objects named above from a copy"
                );
                true
            }
            Ok(Closed::NotYet) => false,
            Err(error) => {
                metrics::counter!("hindsight_session_close_failures_total").increment(1);
                tracing::warn!(session = %candidate.session, %error, "session can't be closed, trying again later");
                self.paused.insert(candidate.session, Instant::now());
                false
            }
        }
    }
}
