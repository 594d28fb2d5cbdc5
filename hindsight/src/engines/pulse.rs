//! Asks an engine again and again whether it answers, so that readiness can say which one is away.
//!
//! **Invariant:** nobody who asks waits. **Bound**: one question at a time, [`LIMIT`] each.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

/// Between two questions.
const EVERY: Duration = Duration::from_secs(5);
/// The longest that an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How an engine answered last. Dropped: nobody asks any more.
pub(super) struct Pulse {
    last: Arc<Mutex<Result<(), String>>>,
    asking: JoinHandle<()>,
}

impl Pulse {
    /// Starts to ask; an engine that was just opened is well.
    pub(super) fn of<F>(question: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send,
    {
        let last = Arc::new(Mutex::new(Ok(())));
        let answers = last.clone();
        let asking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let answer = tokio::time::timeout(LIMIT, question()).await;
                let answer = answer.unwrap_or_else(|_| Err(format!("no answer in {} s", LIMIT.as_secs())));
                *answers.lock().unwrap_or_else(PoisonError::into_inner) = answer;
            }
        });
        Self { last, asking }
    }

    pub(super) fn health(&self) -> Result<(), String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.asking.abort();
    }
}
