//! What the writer and the consumers share: the durable ends, the commits and the groups.
//!
//! **Invariant:** ends and commits are changed only after the transaction that holds them is durable, so a
//! reader that looks here sees durable records only. The lock is held for a few lines, never over I/O.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hindsight_schemas::ids::Partition;

use super::groups::Coordinator;
use super::tables::{Commits, Ends};

/// The shared state.
pub(super) struct State {
    pub(super) ends: BTreeMap<Partition, Ends>,
    pub(super) commits: Commits,
    pub(super) groups: Coordinator,
    pub(super) closed: bool,
    /// Goes up whenever a waiting poll should look again.
    version: u64,
}

/// The state, and the bell that wakes polls.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(ends: BTreeMap<Partition, Ends>, commits: Commits, groups: Coordinator) -> Self {
        let state = State {
            ends,
            commits,
            groups,
            closed: false,
            version: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Looks at the state.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state so that waiting polls look again.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        state.version += 1;
        self.changed.notify_all();
        result
    }

    /// Waits until the state is newer than `version`, or for a while at most.
    pub(super) fn wait_beyond(&self, version: u64, longest: Duration) {
        let still = |state: &mut State| state.version == version;
        drop(self.changed.wait_timeout_while(self.lock(), longest, still));
    }
}

impl State {
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Bytes of all partitions.
    pub(super) fn bytes(&self) -> u64 {
        self.ends.values().map(|ends| ends.bytes).sum()
    }
}
