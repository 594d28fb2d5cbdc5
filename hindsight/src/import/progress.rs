//! The progress bar: bytes of the files, speed in raw bytes, time left. Silent where stderr is no terminal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// Shared by all that send.
pub(super) struct Progress {
    bar: ProgressBar,
    raw: AtomicU64,
    started: Instant,
}

impl Progress {
    /// Starts over this many bytes of files.
    pub(super) fn start(bytes: u64) -> Self {
        let style = ProgressStyle::with_template("  [{bar:32}] {percent:>3} %  {msg}  {eta} left")
            .expect("the template is fixed")
            .progress_chars("=> ");
        Self {
            bar: ProgressBar::new(bytes).with_style(style),
            raw: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// Counts these bytes of the files, and what they were as raw JSON.
    pub(super) fn add(&self, file_bytes: u64, raw_bytes: u64) {
        let raw = self.raw.fetch_add(raw_bytes, Ordering::Relaxed) + raw_bytes;
        let a_second = raw * 1000
            / u64::try_from(self.elapsed().as_millis())
                .unwrap_or(u64::MAX)
                .max(1);
        self.bar
            .set_message(format!("{} sent, {}/s", HumanBytes(raw), HumanBytes(a_second)));
        self.bar.inc(file_bytes);
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
