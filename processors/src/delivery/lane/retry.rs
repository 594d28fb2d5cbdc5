//! Pauses between attempts, and the share of poison above which a lane stops.

use std::time::Duration;

/// Doubling pauses, bounded: an engine that is away is asked a few times a minute, not in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause (default 100 ms).
    pub first: Duration,
    /// The longest (default 15 s).
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(15),
        }
    }
}

impl Backoff {
    /// The pause after so many failures in a row.
    pub fn pause(&self, failures: u32) -> Duration {
        self.first
            .saturating_mul(1 << failures.saturating_sub(1).min(16))
            .min(self.longest)
    }
}

/// How much poison is bad luck and how much is a broken writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoisonLimit {
    /// So many are always let through (default 20).
    pub floor: u64,
    /// Above the floor, the lane stops when more than this share of the records is poison (default 20 %).
    pub percent: u64,
}

impl Default for PoisonLimit {
    fn default() -> Self {
        Self {
            floor: 20,
            percent: 20,
        }
    }
}

/// Counts poison over the last records; older ones fade.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PoisonMeter {
    poison: u64,
    records: u64,
}

impl PoisonMeter {
    /// After so many records both counts are halved, so that yesterday's good ones don't hide today's bad.
    const WINDOW: u64 = 10_000;

    /// Whether a range with so much poison is the one too many. One without any never is: it would be read again for
    /// ever, as nothing in it can be mended.
    pub(super) fn exceeds(&self, poison: u64, records: u64, limit: &PoisonLimit) -> bool {
        if poison == 0 {
            return false;
        }
        let (poison, records) = (self.poison + poison, self.records + records);
        poison > limit.floor && poison * 100 > records * limit.percent
    }

    pub(super) fn add(&mut self, poison: u64, records: u64) {
        self.poison += poison;
        self.records += records;
        while self.records > Self::WINDOW {
            self.poison /= 2;
            self.records /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::default();
        assert_eq!(backoff.pause(1), backoff.first);
        assert_eq!(backoff.pause(3), backoff.first * 4);
        assert_eq!(backoff.pause(u32::MAX), backoff.longest);
    }

    #[test]
    fn a_few_bad_records_pass_and_a_broken_writer_does_not() {
        let limit = PoisonLimit {
            floor: 3,
            percent: 20,
        };
        let mut meter = PoisonMeter::default();
        assert!(!meter.exceeds(3, 3, &limit));
        assert!(meter.exceeds(4, 4, &limit));
        meter.add(3, 3);
        assert!(meter.exceeds(1, 1, &limit));
        assert!(
            !meter.exceeds(0, 1, &limit),
            "nothing in a clean range can be mended"
        );
        meter.add(0, 100);
        assert!(!meter.exceeds(1, 1, &limit));
    }
}
