//! The thread that looks every `identity_interval` whether the topics are still those of the start. It ends when the
//! log is dropped.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use super::inner::Inner;

/// The running watch.
pub(super) struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(inner: Arc<Inner>) -> Self {
        let (stop, stopped) = channel();
        let watching = move || {
            let interval = inner.settings.identity_interval;
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                inner.look_at_identity();
                inner.readers.drain();
            }
        };
        let thread = std::thread::Builder::new()
            .name("kafka-watch".into())
            .spawn(watching);
        if let Err(error) = &thread {
            tracing::error!(%error, "no thread to watch the topics; seeks still look");
        }
        Self {
            stop: Some(stop),
            thread: thread.ok(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the watch of the topics panicked");
        }
    }
}
