//! What passes by itself is tried again, with pauses that grow. **Bound:** [`TRIES`] times, half a minute in all.

use std::time::Duration;

/// How often something is tried again before it counts as failed.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Tries at one thing.
#[derive(Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Waits for the next try; false if there is none left.
    pub(super) async fn again(&mut self, words: &dyn std::fmt::Display) -> bool {
        let Some(pause) = self.pause() else {
            return false;
        };
        tracing::warn!(%words, ?pause, "what a rebuild wrote is looked at, or written again");
        tokio::time::sleep(pause).await;
        true
    }

    fn pause(&mut self) -> Option<Duration> {
        let pause = (self.0 < TRIES).then(|| FIRST_PAUSE * 2_u32.pow(self.0));
        self.0 += 1;
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_end_after_half_a_minute() {
        let mut tries = Tries::default();
        let all: Duration = std::iter::from_fn(|| tries.pause()).sum();
        assert_eq!(all, Duration::from_secs(31));
    }
}
