//! Runs the lanes of one materializer: one thread owns the consumer, polls, commits and steps the lanes;
//! conversion goes to the blocking pool and writes to async tasks, whose answers come back by a channel.
//!
//! **Invariant:** only this thread touches consumer and lanes, so no lane sees two things at once; all commits
//! that wait go in one request. When the engine fails the lane says so and tries again; when this member is
//! fenced all lanes are dropped without writing and it joins anew. Stopping waits a bounded time for writes in
//! flight and leaves the rest pending for the next owner.
//! Bound: the share's bytes (then nothing is read) and, per lane, one task of each kind.

mod pace;
mod shortage;
mod tasks;
mod traces;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hindsight_engines::log::{ConsumerError, EventLog, Waker};
use tokio::sync::oneshot;

use super::budget::Share;
use super::clock::{BootClock, Clock};
use super::lane::LaneSettings;
use super::materializer::Materializer;
use super::status::{LaneStatus, StatusBoard};
pub use pace::longest_wait;
use worker::Worker;

/// What can be set.
#[derive(Debug, Clone, Copy)]
pub struct DeliverySettings {
    /// Per lane; its `tick` is also the time after which a commit that failed is sent again.
    pub lane: LaneSettings,
    /// The time between two commit requests (default 10 ms): a range waits for it before it may be written, and one
    /// request has the commits of all lanes that came meanwhile.
    pub commit_every: Duration,
    /// The longest wait of a poll when there is nothing to do (default 500 ms).
    pub idle_poll: Duration,
    /// How long a revoked partition, or a stop, waits for writes in flight (default 5 s; at most a third of
    /// the session time-out).
    pub leave_wait: Duration,
    /// A write that isn't answered by then has an unknown outcome (default 60 s). Deduplication windows must
    /// be longer than this and the session time-out together.
    pub write_timeout: Duration,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            lane: LaneSettings::default(),
            commit_every: Duration::from_millis(10),
            idle_poll: Duration::from_millis(500),
            leave_wait: Duration::from_secs(5),
            write_timeout: Duration::from_secs(60),
        }
    }
}

/// The consumer group of a materializer's view: `hindsight.<name>.g<generation>`.
pub fn group(name: &str, view_generation: u32) -> String {
    format!("hindsight.{name}.g{view_generation}")
}

/// A materializer that runs.
pub struct DeliveryHandle {
    status: StatusBoard,
    stopping: Arc<AtomicBool>,
    waker: Waker,
    ended: oneshot::Receiver<()>,
    thread: std::thread::JoinHandle<()>,
}

impl DeliveryHandle {
    /// The lanes as they were at the last look (about a second ago at most).
    pub fn status(&self) -> Vec<LaneStatus> {
        self.status.read()
    }

    /// Whether the thread runs; it ends by [`Self::stop`] only, so anything else is a bug that must be seen.
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Lets writes in flight finish, within the bound, commits what is done, and leaves the group.
    pub async fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        self.waker.wake();
        // The sender is dropped when the thread ends, however it ends: both outcomes mean that it has.
        let _ = self.ended.await;
        if self.thread.join().is_err() {
            tracing::error!("a delivery thread had panicked");
        }
    }
}

/// Starts a materializer on the log. Must be called within a tokio runtime, which carries its writes.
pub fn start<M: Materializer>(
    log: Arc<dyn EventLog>,
    materializer: Arc<M>,
    share: Share,
    settings: DeliverySettings,
) -> Result<DeliveryHandle, ConsumerError> {
    start_with_clock(log, materializer, share, settings, Arc::new(BootClock))
}

fn start_with_clock<M: Materializer>(
    log: Arc<dyn EventLog>,
    materializer: Arc<M>,
    share: Share,
    settings: DeliverySettings,
    clock: Arc<dyn Clock>,
) -> Result<DeliveryHandle, ConsumerError> {
    let status = StatusBoard::default();
    let stopping = Arc::new(AtomicBool::new(false));
    let name = materializer.name();
    let worker = Worker::join(
        log,
        materializer,
        share,
        settings,
        clock,
        status.clone(),
        Arc::clone(&stopping),
    )?;
    let waker = worker.waker();
    let (ends, ended) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name(format!("deliver-{name}"))
        .spawn(move || {
            let _ends = ends;
            worker.run();
        })
        .map_err(|error| ConsumerError::Engine(format!("no thread for {name}: {error}")))?;
    Ok(DeliveryHandle {
        status,
        stopping,
        waker,
        ended,
        thread,
    })
}
