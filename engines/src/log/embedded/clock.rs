//! Time as the log sees it: the wall clock stamps records and decides retention, a monotonic clock that also
//! counts sleep (`CLOCK_BOOTTIME`) decides leases. Tests put their own in, so none of them sleeps.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A source of time.
pub trait Clock: Send + Sync {
    /// Unix milliseconds; may jump.
    fn unix_ms(&self) -> i64;

    /// Since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_ms(&self) -> i64 {
        let now = clock_gettime(ClockId::Realtime);
        now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }

    fn monotonic(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    }
}
