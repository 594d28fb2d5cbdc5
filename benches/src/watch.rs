//! Samples the memory of the server and of its ClickHouse child while it is under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::process::Process;

const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// Memory at one moment, MiB.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Sample {
    /// Since the start of the watch.
    pub at_s: f64,
    /// Resident bytes of `up`.
    pub up_rss: f64,
    /// Proportional share of `up`.
    pub up_pss: f64,
    /// What `up` itself asked for, without mapped files.
    pub up_anonymous: f64,
    /// Resident bytes of the ClickHouse child.
    pub child_rss: f64,
}

/// Starts to sample; ends when told.
pub fn memory<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    up: Process,
    child: Option<Process>,
    stop: &'scope AtomicBool,
) -> ScopedJoinHandle<'scope, Vec<Sample>> {
    scope.spawn(move || {
        let started = Instant::now();
        let mut samples = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            // A process that has gone is noticed by those who talk to it.
            if let Ok(memory) = up.memory() {
                samples.push(Sample {
                    at_s: started.elapsed().as_secs_f64(),
                    up_rss: mib(memory.rss),
                    up_pss: mib(memory.pss),
                    up_anonymous: mib(memory.anonymous),
                    child_rss: child
                        .and_then(|child| child.memory().ok())
                        .map_or(0.0, |memory| mib(memory.rss)),
                });
            }
            std::thread::sleep(SAMPLE_EVERY);
        }
        samples
    })
}

/// Bytes as MiB.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
