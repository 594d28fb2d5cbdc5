//! Awaiting engines at the start: containers of one machine come up in any order.
//!
//! **Invariant:** only what may pass by itself is awaited, and whoever asks for readiness is told what it is waiting for;
//! what a person must mend ends the start at once. **Bound**: `server.start_wait_seconds` an engine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Parts;
use crate::failure::Failure;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Why an engine could not be opened.
pub(crate) enum Trouble {
    /// It does not answer yet.
    Away(String),
    /// It never will, as things are.
    Refused(String),
}

/// What the start is waiting for, for those who ask meanwhile.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Waiting {
    /// What is not there yet.
    pub(crate) fn parts(&self) -> Parts {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = waiting.iter().map(|(part, why)| (*part, Err(why.clone())));
        parts.chain([("process", Err("starting".into()))]).collect()
    }

    /// Says whether it is something new.
    fn set(&self, part: &'static str, why: Option<&str>) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match why {
            Some(why) => waiting.insert(part, why.into()),
            None => waiting.remove(part),
        };
        before.as_deref() != why
    }
}

/// How long engines are awaited.
pub(crate) struct Patience {
    limit: Duration,
    waiting: Waiting,
}

impl Patience {
    pub(crate) fn new(limit: Duration, waiting: Waiting) -> Self {
        Self { limit, waiting }
    }

    /// Tries until it opens, is refused, or the time is over.
    pub(crate) async fn open<T, F: Future<Output = Result<T, Trouble>>>(
        &self,
        part: &'static str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        loop {
            let reason = match attempt().await {
                Ok(opened) => {
                    if self.waiting.set(part, None) {
                        tracing::info!(part, "engine has come");
                    }
                    return Ok(opened);
                }
                Err(Trouble::Refused(reason)) => return Err(Failure::EngineRefused { part, reason }),
                Err(Trouble::Away(reason)) => reason,
            };
            let waited = started.elapsed();
            if waited + PAUSE > self.limit {
                let waited_s = waited.as_secs();
                return Err(Failure::EngineAway {
                    part,
                    waited_s,
                    reason,
                });
            }
            if self.waiting.set(part, Some(&reason)) {
                let left_s = (self.limit - waited).as_secs();
                tracing::warn!(part, reason, left_s, "engine is away, waiting for it");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these answers, one an attempt; the last repeats itself.
    async fn check(answers: &[Result<u32, Trouble>]) -> (Result<u32, Failure>, Waiting) {
        let waiting = Waiting::default();
        let patience = Patience::new(Duration::from_secs(3), waiting.clone());
        let mut attempts = 0;
        let opened = patience.open("log", || {
            let answer = match &answers[attempts.min(answers.len() - 1)] {
                Ok(engine) => Ok(*engine),
                Err(Trouble::Away(why)) => Err(Trouble::Away(why.clone())),
                Err(Trouble::Refused(why)) => Err(Trouble::Refused(why.clone())),
            };
            attempts += 1;
            std::future::ready(answer)
        });
        (opened.await, waiting)
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_comes_is_awaited_and_one_that_refuses_is_not() {
        let (opened, waiting) = check(&[Err(Trouble::Away("no route".into())), Ok(7)]).await;
        assert_eq!(opened.unwrap(), 7);
        assert!(!waiting.parts().contains_key("log"));

        let started = Instant::now();
        let (refused, _) = check(&[Err(Trouble::Refused("wrong password".into()))]).await;
        assert!(refused.unwrap_err().to_string().contains("wrong password"));
        assert!(started.elapsed() < PAUSE);

        let (away, waiting) = check(&[Err(Trouble::Away("no route".into()))]).await;
        let words = away.unwrap_err().to_string();
        assert!(
            words.contains("no route") && words.contains("server.start_wait_seconds"),
            "{words}"
        );
        assert_eq!(waiting.parts()["log"], Err("no route".into()));
    }
}
