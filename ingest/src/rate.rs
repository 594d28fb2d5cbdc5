//! Token buckets in events and bytes, one pair a project, so that one project's flood can't delay all.
//!
//! What a body holds is known only after it was read, so a request is let in while both buckets hold something, and
//! takes what it was found to hold: a bucket may go into debt by what is in flight, and the debt is waited off. A body
//! that is refused costs as much as a good one: it was read and inflated all the same.

use std::cell::Cell;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hindsight_schemas::reason::Reason;

use crate::options::Rate;
use hindsight_schemas::problem::Refusal;

/// The buckets of one project.
pub(crate) struct Buckets(Mutex<State>);

struct State {
    events: Bucket,
    bytes: Bucket,
}

struct Bucket {
    per_s: f64,
    burst: f64,
    level: f64,
    filled_at: Instant,
}

impl Bucket {
    fn new(per_s: u64, burst_s: u64, now: Instant) -> Self {
        let per_s = per_s as f64;
        let burst = per_s * burst_s as f64;
        Self {
            per_s,
            burst,
            level: burst,
            filled_at: now,
        }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.level = (self.level + passed * self.per_s).min(self.burst);
        self.filled_at = now;
    }

    /// How long until it holds something.
    fn wait(&self) -> Duration {
        if self.level > 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64((1.0 - self.level) / self.per_s)
        }
    }
}

impl Buckets {
    pub(crate) fn new(rate: &Rate) -> Self {
        let now = Instant::now();
        Self(Mutex::new(State {
            events: Bucket::new(rate.events_per_s, rate.burst_s, now),
            bytes: Bucket::new(rate.bytes_per_s, rate.burst_s, now),
        }))
    }

    /// Lets a request in, or says when to come again.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Refusal> {
        let mut state = self.lock();
        state.events.fill(now);
        state.bytes.fill(now);
        let (limit, wait) = if state.events.wait() > state.bytes.wait() {
            ("rate.events_per_s", state.events.wait())
        } else {
            ("rate.bytes_per_s", state.bytes.wait())
        };
        if wait.is_zero() {
            return Ok(());
        }
        let refusal = Refusal::new(
            Reason::RateLimited,
            format!("this project is over {limit}: wait as Retry-After says"),
            format!("该项目超过 {limit}：请按 Retry-After 等待"),
        );
        Err(refusal.after(wait))
    }

    /// Takes what a request was found to hold.
    fn take(&self, events: usize, bytes: usize) {
        let mut state = self.lock();
        state.events.level -= events as f64;
        state.bytes.level -= bytes as f64;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic between two subtractions leaves numbers that are still numbers.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What one request is found to hold: at least one event, and the bytes that its body came to. Taken when dropped,
/// however its way ended.
pub(crate) struct Charge<'b> {
    buckets: &'b Buckets,
    events: Cell<usize>,
    bytes: Cell<usize>,
}

impl<'b> Charge<'b> {
    pub(crate) fn to(buckets: &'b Buckets) -> Self {
        Self {
            buckets,
            events: Cell::new(1),
            bytes: Cell::new(0),
        }
    }

    /// So many events were found.
    pub(crate) fn events(&self, events: usize) {
        self.events.set(events.max(1));
    }

    /// The body came to so many bytes: packed, or inflated.
    pub(crate) fn bytes(&self, bytes: usize) {
        self.bytes.set(bytes.max(self.bytes.get()));
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.buckets.take(self.events.get(), self.bytes.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_waited_off() {
        let buckets = Buckets::new(&Rate {
            events_per_s: 100,
            bytes_per_s: 1_000,
            burst_s: 2,
        });
        let start = Instant::now();
        assert!(buckets.admit(start).is_ok());
        buckets.take(300, 10);
        assert!(buckets.admit(start).is_err(), "100 events in debt");
        assert!(buckets.admit(start + Duration::from_millis(900)).is_err());
        assert!(buckets.admit(start + Duration::from_millis(1_100)).is_ok());
        buckets.take(0, 5_000);
        assert!(
            buckets.admit(start + Duration::from_millis(1_200)).is_err(),
            "bytes count, too"
        );
    }
}
