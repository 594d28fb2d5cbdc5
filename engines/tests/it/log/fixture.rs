//! The embedded log with a clock and a disk that tests hold in their hands.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hindsight_engines::log::EventLog;
use hindsight_engines::log::conformance::Fixture;
use hindsight_engines::log::embedded::faults::DiskFaults;
use hindsight_engines::log::embedded::{Clock, EmbeddedLog, Options};
use hindsight_schemas::ids::Partition;
use tempfile::TempDir;

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub(super) struct HandClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicU64,
}

impl HandClock {
    pub(super) fn at_2026() -> Self {
        Self {
            wall_ms: AtomicI64::new(1_767_225_600_000),
            monotonic_ms: AtomicU64::new(0),
        }
    }

    /// Records grow older; leases don't.
    pub(super) fn age(&self, by: Duration) {
        self.wall_ms.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub(super) fn advance(&self, by: Duration) {
        self.age(by);
        self.monotonic_ms
            .fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }

    pub(super) fn set_back(&self, by: Duration) {
        self.wall_ms.fetch_sub(by.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn unix_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }
}

/// A disk that can be full.
#[derive(Debug, Default)]
pub(super) struct FullDisk {
    pub(super) full: AtomicBool,
}

impl FullDisk {
    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

impl DiskFaults for FullDisk {
    fn before_write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        self.check()
    }

    fn before_set_len(&self, _: u64) -> io::Result<()> {
        self.check()
    }

    fn before_sync(&self) -> io::Result<()> {
        self.check()
    }
}

/// One log in a folder of its own.
pub(super) struct EmbeddedFixture {
    pub(super) folder: TempDir,
    pub(super) clock: Arc<HandClock>,
    disk: Arc<FullDisk>,
    log: Arc<EmbeddedLog>,
}

impl EmbeddedFixture {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, disk) = (Arc::new(HandClock::at_2026()), Arc::new(FullDisk::default()));
        let log = open(&folder, &clock, &disk);
        Self {
            folder,
            clock,
            disk,
            log,
        }
    }
}

fn open(folder: &TempDir, clock: &Arc<HandClock>, disk: &Arc<FullDisk>) -> Arc<EmbeddedLog> {
    let (clock, disk): (Arc<HandClock>, Arc<FullDisk>) = (clock.clone(), disk.clone());
    let options = Options {
        clock,
        faults: Some(disk),
        ..Options::default()
    };
    Arc::new(EmbeddedLog::open(folder.path(), options).unwrap())
}

#[async_trait]
impl Fixture for EmbeddedFixture {
    fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }

    fn record_bytes(&self) -> usize {
        Options::default().record_bytes
    }

    /// From one moment to the next nothing more reaches the file; it is not closed.
    async fn crash(&mut self) {
        self.disk.full.store(true, Ordering::SeqCst);
        self.log.close();
        self.disk = Arc::default();
        self.log = open(&self.folder, &self.clock, &self.disk);
    }

    async fn leave_hole(&mut self, partition: Partition, offsets: u64) {
        self.log.skip_offsets(partition, offsets).unwrap();
    }

    async fn expire_all(&mut self) {
        self.clock
            .age(Options::default().retention_age + Duration::from_secs(1));
        self.log.retain().unwrap();
    }

    async fn pass_session_timeout(&mut self) {
        self.clock
            .advance(Options::default().session_timeout + Duration::from_secs(1));
    }

    async fn set_clock_back(&mut self, by: Duration) {
        self.clock.set_back(by);
    }

    async fn fill_disk(&mut self, full: bool) {
        self.disk.full.store(full, Ordering::SeqCst);
        self.clock.advance(Options::default().retry_interval);
    }
}
