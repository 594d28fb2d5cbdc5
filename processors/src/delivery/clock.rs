//! The clock of leases, ages and pauses: it goes on while the machine sleeps.
//!
//! **Invariant:** never the wall clock. `CLOCK_MONOTONIC` stands still during suspend, so a laptop that wakes
//! after an hour would think that its lease holds; `CLOCK_BOOTTIME` does not.

use std::time::Duration;

/// A point in time since the machine's start.
pub type Moment = Duration;

/// Tells the time since the machine's start.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Moment;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Moment {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).expect("time since start is positive");
        let nanoseconds = u32::try_from(time.tv_nsec).expect("less than a second");
        Duration::new(seconds, nanoseconds)
    }
}
