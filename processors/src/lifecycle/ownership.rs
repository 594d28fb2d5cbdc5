//! Which partitions this process looks after: membership of a consumer group that reads nothing.
//!
//! **Invariant:** a partition is held by one live member at a time, as far as the log's lease goes; work on it must
//! bear a second worker all the same (closes are claimed by create-only objects). **Failure**: a member that was
//! fenced holds nothing and joins anew, and knows that others may have worked meanwhile ([`Held::has_lost`]). **Bound**: one
//! thread.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hindsight_engines::log::{Consumer, ConsumerError, EventLog, Polled};
use hindsight_schemas::ids::{Partition, Topic};

/// The longest wait of a poll; the membership lives by polling.
const POLL: Duration = Duration::from_millis(500);
/// Between two tries to join.
const REJOIN: Duration = Duration::from_secs(1);

/// The membership.
pub struct Ownership {
    held: Held,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Ownership {
    /// Joins the group on a topic.
    pub fn join(log: Arc<dyn EventLog>, group: String, topic: Topic) -> std::io::Result<Self> {
        let held = Held::default();
        let stopping = Arc::new(AtomicBool::new(false));
        let member = Member {
            log,
            group,
            topic,
            held: held.clone(),
            stopping: stopping.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("owner".into())
            .spawn(move || member.run())?;
        Ok(Self {
            held,
            stopping,
            thread,
        })
    }

    /// A view of what is held, for the one who does the work.
    pub fn held(&self) -> Held {
        self.held.clone()
    }

    /// Leaves the group.
    pub async fn leave(self) {
        self.stopping.store(true, Ordering::Release);
        self.thread.thread().unpark();
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the thread of a membership had panicked");
        }
    }
}

/// What is held at the moment.
#[derive(Debug, Clone, Default)]
pub struct Held {
    partitions: Arc<Mutex<BTreeSet<Partition>>>,
    lost: Arc<AtomicBool>,
}

impl Held {
    /// The partitions, in order.
    pub fn partitions(&self) -> Vec<Partition> {
        self.lock().iter().copied().collect()
    }

    /// Whether what needs doing once, for all partitions, is this process's: the first partition's owner does it.
    pub fn leads(&self) -> bool {
        self.lock().iter().any(|held| held.partition == 0)
    }

    /// Whether a partition was ever given away, by whatever came.
    pub fn has_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    fn take(&self, partitions: Vec<Partition>) {
        self.lock().extend(partitions);
    }

    fn lose(&self, gone: impl Fn(&Partition) -> bool) {
        let mut held = self.lock();
        let before = held.len();
        held.retain(|partition| !gone(partition));
        if held.len() < before {
            self.lost.store(true, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Partition>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Member {
    log: Arc<dyn EventLog>,
    group: String,
    topic: Topic,
    held: Held,
    stopping: Arc<AtomicBool>,
}

impl Member {
    fn run(&self) {
        while !self.is_stopping() {
            let attended = self
                .log
                .consumer(&self.group, &[self.topic])
                .and_then(|mut consumer| self.attend(&mut *consumer));
            self.held.lose(|_| true);
            if let Err(error) = attended {
                tracing::warn!(%error, group = %self.group, "membership lost, joining anew");
                std::thread::park_timeout(REJOIN);
            }
        }
    }

    fn attend(&self, consumer: &mut dyn Consumer) -> Result<(), ConsumerError> {
        while !self.is_stopping() {
            for polled in consumer.poll(POLL)? {
                match polled {
                    Polled::Assigned(partitions) => self.held.take(partitions),
                    Polled::Revoked(partitions) => self.held.lose(|held| partitions.contains(held)),
                    Polled::Record(_) | Polled::EndOfPartition(..) | Polled::OutOfRange { .. } => {}
                }
            }
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
