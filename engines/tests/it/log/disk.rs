//! A disk that fails, is full, is slow or lies.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use hindsight_engines::log::embedded::faults::DiskFaults;
use hindsight_engines::log::embedded::{EmbeddedLog, FILE_NAME, Options};
use hindsight_engines::log::{AppendError, Commit, Committed, EventLog};

use super::fixture::HandClock;
use super::{AUDIT, open, reader, record, values};

/// A disk whose syncs can fail and are counted, and that says how much space it has.
#[derive(Debug, Default)]
struct BadDisk {
    sync_fails: AtomicBool,
    read_fails: AtomicBool,
    syncs: AtomicU64,
    free_bytes: Mutex<Option<u64>>,
}

impl DiskFaults for BadDisk {
    fn before_read(&self) -> io::Result<()> {
        fails_if(&self.read_fails)
    }

    fn before_sync(&self) -> io::Result<()> {
        fails_if(&self.sync_fails)
    }

    fn after_sync(&self) {
        self.syncs.fetch_add(1, Ordering::SeqCst);
    }

    fn free_bytes(&self) -> Option<u64> {
        *self.free_bytes.lock().unwrap()
    }
}

fn fails_if(flag: &AtomicBool) -> io::Result<()> {
    if flag.load(Ordering::SeqCst) {
        Err(io::Error::other("the disk is broken"))
    } else {
        Ok(())
    }
}

fn with_disk(folder: &std::path::Path, disk: &Arc<BadDisk>) -> (EmbeddedLog, Arc<HandClock>) {
    let clock = Arc::new(HandClock::at_2026());
    let options = Options {
        clock: clock.clone(),
        faults: Some(disk.clone()),
        cache_bytes: 0,
        ..Options::default()
    };
    (EmbeddedLog::open(folder, options).unwrap(), clock)
}

#[tokio::test]
async fn a_sync_that_fails_answers_nobody_and_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(BadDisk::default());
    let (log, clock) = with_disk(folder.path(), &disk);
    log.append(vec![record(AUDIT, b"before".to_vec())]).await.unwrap();
    disk.sync_fails.store(true, Ordering::SeqCst);
    let refused = log.append(vec![record(AUDIT, b"lost".to_vec())]).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(log.stats().refusal.is_some());
    assert_eq!(values(&log).unwrap(), ["before"], "only what is durable is read");
    let refused = log.append(vec![record(AUDIT, b"lost".to_vec())]).await;
    assert!(
        matches!(&refused, Err(AppendError::Full(why)) if why.contains("broken")),
        "{refused:?}"
    );

    disk.sync_fails.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(1));
    log.append(vec![record(AUDIT, b"after".to_vec())]).await.unwrap();
    assert_eq!(log.stats().refusal, None);
    let kept = values(&log).unwrap();
    assert!(
        kept == ["before", "after"] || kept == ["before", "lost", "after"],
        "{kept:?}"
    );
}

#[tokio::test]
async fn a_disk_with_too_little_room_takes_commits_only() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(BadDisk::default());
    let (log, _) = with_disk(folder.path(), &disk);
    *disk.free_bytes.lock().unwrap() = Some(1024);
    let refused = log.append(vec![record(AUDIT, b"lost".to_vec())]).await;
    assert!(
        matches!(&refused, Err(AppendError::Full(why)) if why.contains("log.min_free_bytes")),
        "{refused:?}"
    );
    let committed = Committed {
        offset: 0,
        metadata: "pending".into(),
    };
    reader(&log, "g")
        .commit(&[Commit {
            partition: AUDIT,
            committed,
        }])
        .unwrap();
    *disk.free_bytes.lock().unwrap() = None;
    log.append(vec![record(AUDIT, b"kept".to_vec())]).await.unwrap();
    assert_eq!(values(&log).unwrap(), ["kept"]);
}

#[tokio::test]
async fn a_read_that_fails_is_an_error_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(BadDisk::default());
    let (log, clock) = with_disk(folder.path(), &disk);
    log.append((0..50).map(|_| record(AUDIT, vec![7; 5000])).collect())
        .await
        .unwrap();
    disk.read_fails.store(true, Ordering::SeqCst);
    values(&log).expect_err("nothing can be read");
    disk.read_fails.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(1));
    assert_eq!(values(&log).unwrap().len(), 50);
    log.append(vec![record(AUDIT, b"after".to_vec())]).await.unwrap();
}

#[tokio::test]
async fn one_sync_covers_all_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(BadDisk::default());
    let (log, _) = with_disk(folder.path(), &disk);
    log.append(vec![record(AUDIT, vec![7; 10])]).await.unwrap();
    let before = disk.syncs.load(Ordering::SeqCst);
    log.append(vec![record(AUDIT, vec![7; 10])]).await.unwrap();
    let each = disk.syncs.load(Ordering::SeqCst) - before;
    assert_eq!(each, 1, "one sync for one commit");
    let appends = (0..300).map(|_| log.append(vec![record(AUDIT, vec![7; 10])]));
    for answer in futures::future::join_all(appends).await {
        answer.unwrap();
    }
    let syncs = disk.syncs.load(Ordering::SeqCst) - before - each;
    assert!(syncs < 150, "{syncs} syncs for 300 appends that wait together");
}

/// A disk on which reads of one thread stop until they are let go.
#[derive(Debug)]
struct StuckReads {
    stuck: Barrier,
    go: Barrier,
    once: AtomicBool,
}

impl DiskFaults for StuckReads {
    fn before_read(&self) -> io::Result<()> {
        let reader = std::thread::current().name() == Some("slow-reader");
        if reader && !self.once.swap(true, Ordering::SeqCst) {
            self.stuck.wait();
            self.go.wait();
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_slow_reader_does_not_slow_appends() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(StuckReads {
        stuck: Barrier::new(2),
        go: Barrier::new(2),
        once: AtomicBool::new(false),
    });
    let options = Options {
        faults: Some(disk.clone()),
        cache_bytes: 0,
        ..Options::default()
    };
    let log = Arc::new(EmbeddedLog::open(folder.path(), options).unwrap());
    log.append((0..20).map(|_| record(AUDIT, vec![7; 5000])).collect())
        .await
        .unwrap();
    let (done, values_read) = mpsc::channel();
    let reading = log.clone();
    let slow = std::thread::Builder::new().name("slow-reader".into());
    let slow = slow
        .spawn(move || done.send(values(&reading).unwrap().len()).unwrap())
        .unwrap();
    disk.stuck.wait();
    for _ in 0..20 {
        log.append(vec![record(AUDIT, vec![8; 5000])])
            .await
            .expect("the reader stands still, the writer does not");
    }
    assert!(values_read.try_recv().is_err(), "the reader still stands");
    disk.go.wait();
    slow.join().unwrap();
    assert_eq!(
        values_read.recv().unwrap(),
        20,
        "it read to where the end was when it looked"
    );
}

#[tokio::test]
async fn a_flipped_bit_is_an_error_and_never_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let needle = b"evidence that must not change";
    log.append(vec![
        record(AUDIT, b"first".to_vec()),
        record(AUDIT, needle.to_vec()),
    ])
    .await
    .unwrap();
    drop(log);
    let file = folder.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&file).unwrap();
    let places: Vec<_> = bytes
        .windows(needle.len())
        .enumerate()
        .filter(|(_, window)| window == needle)
        .collect();
    let places: Vec<_> = places.into_iter().map(|(place, _)| place).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place] ^= 1;
    }
    std::fs::write(&file, bytes).unwrap();
    let log = open(folder.path());
    let error = values(&log)
        .expect_err("the second record is damaged")
        .to_string();
    assert!(
        error.contains("record 1 of hindsight.audit/0 is damaged"),
        "{error}"
    );
}
