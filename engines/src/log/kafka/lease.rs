//! How long a member may believe that its partitions are its own without having polled.
//!
//! **Invariant:** a lease that is over is not renewed by a poll, whatever the client still has in its buffers: a process
//! that stood still for longer than the session time-out has been put out of its group, and finds it out here before
//! it reads or commits anything.

use std::time::Duration;

/// A lease.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    length: Duration,
    until: Duration,
}

impl Lease {
    pub(super) fn new(length: Duration, now: Duration) -> Self {
        Self {
            length,
            until: now + length,
        }
    }

    /// Longer by a poll at this time; false when it was over.
    pub(super) fn renew(&mut self, now: Duration) -> bool {
        let held = self.holds(now);
        if held {
            self.until = now + self.length;
        }
        held
    }

    pub(super) fn holds(&self, now: Duration) -> bool {
        now < self.until
    }
}

/// Time since the machine's start, which goes on while it sleeps.
pub(super) fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).expect("time since start is positive");
    let nanoseconds = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_is_over_is_not_renewed() {
        let second = Duration::from_secs(1);
        let mut lease = Lease::new(3 * second, Duration::ZERO);
        assert!(lease.renew(2 * second));
        assert!(lease.holds(4 * second));
        assert!(!lease.holds(5 * second));
        assert!(!lease.renew(5 * second));
        assert!(!lease.holds(5 * second), "the refused renewal changed nothing");
    }
}
