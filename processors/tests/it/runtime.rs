//! The runtime over the embedded log: threads, tasks and real time, with a view in memory that fails now and
//! then. What is checked is conservation, not timing: nothing here waits for a guess of time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_engines::log::{EventLog, NewRecord, Route, StoredRecord};
use hindsight_processors::delivery::lane::LaneState;
use hindsight_processors::delivery::{
    ByteBudget, CutLimits, DeliveryHandle, DeliverySettings, Materializer, Poison, PrepareError, Prepared,
    Progress, RangeName, ViewError, WriteError, group, start,
};
use hindsight_schemas::ids::{Offset, Partition, Topic};
use hindsight_schemas::reason::Reason;
use tokio::sync::Notify;

const PARTITIONS: u32 = 3;

type Rows = Vec<(Partition, Offset, Bytes)>;

/// Keeps rows by range; every third first attempt is left open, half of those after the write was done.
#[derive(Default)]
struct Memory {
    ranges: Mutex<BTreeMap<String, Rows>>,
    attempts: Mutex<u64>,
    changed: Notify,
}

impl Memory {
    fn keep(&self, name: &RangeName, rows: &Rows) {
        self.ranges
            .lock()
            .unwrap()
            .entry(name.to_string())
            .or_insert_with(|| rows.clone());
    }

    fn values(&self) -> Vec<Bytes> {
        let ranges = self.ranges.lock().unwrap();
        ranges
            .values()
            .flatten()
            .map(|(_, _, value)| value.clone())
            .collect()
    }

    async fn until(&self, count: usize) {
        let all = async {
            loop {
                let changed = self.changed.notified();
                if self.values().len() >= count {
                    break;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all)
            .await
            .expect("all is delivered");
    }
}

#[async_trait]
impl Materializer for Memory {
    type Prepared = Rows;

    fn name(&self) -> &'static str {
        "memory"
    }

    fn version(&self) -> u32 {
        1
    }

    fn view_generation(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Recordings, Topic::Audit]
    }

    fn limits(&self) -> CutLimits {
        CutLimits {
            bytes: 1 << 20,
            records: 7,
            enough: 7,
            age: Duration::from_millis(20),
        }
    }

    fn prepare(&self, _: &RangeName, records: Vec<StoredRecord>) -> Result<Prepared<Rows>, PrepareError> {
        let (bad, good): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| {
            record
                .value
                .as_ref()
                .is_some_and(|value| value.starts_with(b"bad"))
        });
        let row = |record: StoredRecord| {
            (
                record.position.partition,
                record.position.offset,
                record.value.unwrap_or_default(),
            )
        };
        let poison = |record: StoredRecord| Poison {
            position: record.position,
            reason: Reason::PoisonBody,
            detail: "starts with bad".into(),
        };
        Ok(Prepared {
            batch: good.into_iter().map(row).collect(),
            poison: bad.into_iter().map(poison).collect(),
            bytes: 0,
        })
    }

    async fn write(&self, name: &RangeName, rows: &Rows) -> Result<(), WriteError> {
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap();
            *attempts += 1;
            *attempts
        };
        match attempt % 6 {
            2 => return Err(WriteError::Ambiguous("no answer, not written".into())),
            5 => {
                self.keep(name, rows);
                return Err(WriteError::Ambiguous("no answer, written".into()));
            }
            _ => self.keep(name, rows),
        }
        Ok(())
    }

    async fn settle(&self, name: &RangeName, rows: &Rows) -> Result<(), WriteError> {
        self.keep(name, rows);
        Ok(())
    }

    async fn has_rows(&self, partition: Partition) -> Result<bool, ViewError> {
        Ok(self
            .ranges
            .lock()
            .unwrap()
            .values()
            .flatten()
            .any(|(of, ..)| *of == partition))
    }

    fn on_progress(&self, _: Partition, _: Progress) {
        self.changed.notify_waiters();
    }
}

fn open_log(folder: &std::path::Path) -> Arc<dyn EventLog> {
    let options = Options {
        partitions: PARTITIONS,
        ..Options::default()
    };
    Arc::new(EmbeddedLog::open(folder, options).unwrap())
}

async fn append(log: &dyn EventLog, values: impl Iterator<Item = String>) {
    let record = |value: String| NewRecord {
        topic: if value.len().is_multiple_of(2) {
            Topic::Recordings
        } else {
            Topic::Audit
        },
        to: Route::ByKey,
        key: Bytes::from(value.clone()),
        value: Some(Bytes::from(value)),
        headers: Vec::new(),
    };
    log.append(values.map(record).collect()).await.unwrap();
}

fn deliver(log: &Arc<dyn EventLog>, view: &Arc<Memory>) -> DeliveryHandle {
    let share = ByteBudget::new(1 << 20).share("memory", 1 << 20).unwrap();
    start(
        Arc::clone(log),
        Arc::clone(view),
        share,
        DeliverySettings::default(),
    )
    .unwrap()
}

async fn assert_all_committed(log: &dyn EventLog) {
    for topic in [Topic::Recordings, Topic::Audit] {
        for partition in (0..PARTITIONS).map(|partition| Partition { topic, partition }) {
            let (_, end) = log.offsets(partition).await.unwrap();
            let committed = log
                .committed(&group("memory", 1), partition)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(committed.offset, end, "{partition}: {}", committed.metadata);
            assert!(
                committed.metadata.starts_with("done"),
                "{partition}: {}",
                committed.metadata
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_delivered_once_over_stops_and_open_outcomes() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let view = Arc::new(Memory::default());
    let mut sent = BTreeSet::new();
    for round in 0..4 {
        let values: Vec<String> = (0..100).map(|each| format!("value {round} {each}")).collect();
        append(&*log, values.iter().cloned()).await;
        sent.extend(values.into_iter().map(Bytes::from));
        let delivery = deliver(&log, &view);
        view.until(sent.len()).await;
        delivery.stop().await;
        assert_all_committed(&*log).await;
        let values = view.values();
        assert_eq!(values.len(), sent.len(), "nothing twice");
        assert_eq!(values.into_iter().collect::<BTreeSet<_>>(), sent);
    }
}

/// Two processes' worth of runtimes on one log and one view: the second joins while the first works, and takes some of
/// its partitions; the first leaves, and the second takes the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_delivered_once_while_partitions_change_hands() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let view = Arc::new(Memory::default());
    let mut sent = BTreeSet::new();
    let mut owner = deliver(&log, &view);
    for round in 0..4 {
        let values: Vec<String> = (0..150).map(|each| format!("value {round} {each}")).collect();
        append(&*log, values[..75].iter().cloned()).await;
        let joiner = deliver(&log, &view);
        append(&*log, values[75..].iter().cloned()).await;
        sent.extend(values.into_iter().map(Bytes::from));
        until_shared(&owner, &joiner).await;
        view.until(sent.len()).await;
        owner.stop().await;
        owner = joiner;
    }
    owner.stop().await;
    assert_all_committed(&*log).await;
    let values = view.values();
    assert_eq!(values.len(), sent.len(), "nothing twice");
    assert_eq!(values.into_iter().collect::<BTreeSet<_>>(), sent);
}

/// Until both have lanes that run, and no partition is with both.
async fn until_shared(one: &DeliveryHandle, other: &DeliveryHandle) {
    let running = |handle: &DeliveryHandle| -> BTreeSet<Partition> {
        let lanes = handle.status().into_iter();
        let running = lanes.filter(|lane| lane.state == LaneState::Running);
        running.map(|lane| lane.partition).collect()
    };
    let shared = async {
        loop {
            let (ours, theirs) = (running(one), running(other));
            let all = ours.len() + theirs.len() == 2 * PARTITIONS as usize;
            if all && !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), shared)
        .await
        .expect("the group shares its partitions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_in_dead_letters_before_its_offset_is_passed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_log(folder.path());
    let view = Arc::new(Memory::default());
    let values = (0..60).map(|each| {
        if each % 20 == 7 {
            format!("bad {each}")
        } else {
            format!("good {each}")
        }
    });
    append(&*log, values).await;
    let delivery = deliver(&log, &view);
    view.until(57).await;
    delivery.stop().await;
    assert_all_committed(&*log).await;
    assert_eq!(view.values().len(), 57);
    let letters = Partition {
        topic: Topic::DeadLetters,
        partition: 0,
    };
    assert_eq!(log.offsets(letters).await.unwrap(), (0, 3));
}
