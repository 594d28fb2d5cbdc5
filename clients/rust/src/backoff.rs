//! How long to wait after failures in a row (`clients/vectors/backoff.json`): doubling, with a random half, so that a
//! fleet doesn't come back in one moment.

use std::time::Duration;

use crate::answer::Answer;

pub(crate) const FIRST: Duration = Duration::from_millis(500);
pub(crate) const MOST: Duration = Duration::from_secs(30);
pub(crate) const HOLD: Duration = Duration::from_secs(60);
const MOST_DOUBLINGS: u32 = 20;

/// Counts failures.
#[derive(Debug)]
pub(crate) struct Backoff {
    random: fastrand::Rng,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(random: fastrand::Rng) -> Self {
        Self { random, failures: 0 }
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure.
    pub(crate) fn failed(&mut self, answer: &Answer) -> Duration {
        let full = match answer {
            Answer::Hold(_) => HOLD,
            _ => MOST.min(FIRST * 2_u32.pow(self.failures.min(MOST_DOUBLINGS))),
        };
        self.failures = self.failures.saturating_add(1);
        let backoff = full.mul_f64(0.5 + self.random.f64() / 2.0);
        match answer {
            Answer::Later { after, .. } => backoff.max(*after),
            _ => backoff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::file;

    #[test]
    fn waits_are_as_the_cases_say() {
        for case in file("backoff")["cases"].as_array().unwrap() {
            let ms = |name: &str| Duration::from_millis(case[name].as_u64().unwrap_or_default());
            let answer = match case["hold"].as_bool() {
                Some(true) => Answer::Hold(String::new()),
                _ => Answer::Later {
                    after: ms("after_ms"),
                    why: String::new(),
                },
            };
            for seed in 0..100 {
                let mut backoff = Backoff::new(fastrand::Rng::with_seed(seed));
                let failures = case["failures"].as_u64().unwrap();
                let wait = (0..failures).map(|_| backoff.failed(&answer)).last().unwrap();
                assert!(
                    (ms("least_ms")..=ms("most_ms")).contains(&wait),
                    "{case}: {wait:?}"
                );
            }
        }
    }
}
