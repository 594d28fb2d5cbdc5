//! What a poll waits for: a queue of librdkafka that is no longer empty, or somebody who wants the poll to return.
//!
//! A poll reads two queues, and librdkafka can only wait on one. **Invariant:** what rings between a look and the wait
//! behind it ends that wait at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Rings for one who waits.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rings: Condvar,
}

#[derive(Default)]
struct State {
    /// There is something to look at.
    news: bool,
    /// The poll is to return.
    called: bool,
}

impl Bell {
    /// There is something to look at.
    pub(super) fn ring(&self) {
        self.lock().news = true;
        self.rings.notify_all();
    }

    /// Lets the poll that waits, or the next one, return.
    pub(super) fn call(&self) {
        self.lock().called = true;
        self.rings.notify_all();
    }

    /// Whether the poll is to return; a call counts once.
    pub(super) fn was_called(&self) -> bool {
        std::mem::take(&mut self.lock().called)
    }

    /// Waits so long at most.
    pub(super) fn wait(&self, limit: Duration) {
        let nothing = |state: &mut State| !state.news && !state.called;
        let waited = self.rings.wait_timeout_while(self.lock(), limit, nothing);
        waited.unwrap_or_else(PoisonError::into_inner).0.news = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// So long a wait takes that nothing ends.
    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn what_rang_before_the_wait_ends_it() {
        let (bell, started) = (Bell::default(), Instant::now());
        bell.ring();
        bell.wait(LONG);
        assert!(!bell.was_called());
        bell.call();
        bell.wait(LONG);
        bell.wait(LONG);
        assert!(bell.was_called());
        assert!(!bell.was_called());
        bell.wait(Duration::ZERO);
        assert!(started.elapsed() < LONG);
    }
}
