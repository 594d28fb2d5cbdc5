//! Tasks that run beside the doors until they are told to stop. **Invariant:** whoever started one joins it.

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Running tasks.
pub(super) struct Tasks {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self {
            stop: watch::channel(false).0,
            running: Vec::new(),
        }
    }

    /// Starts one, which ends soon after its receiver turns true.
    pub(super) fn spawn<F>(&mut self, task: impl FnOnce(watch::Receiver<bool>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.running.push(tokio::spawn(task(self.stop.subscribe())));
    }

    /// Stops all, and waits for them.
    pub(super) async fn stop(self) {
        // Nobody listens where none was started.
        let _ = self.stop.send(true);
        for task in self.running {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task beside the doors had failed");
            }
        }
    }
}
