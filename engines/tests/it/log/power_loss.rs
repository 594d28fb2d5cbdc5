//! What is left when the power goes: everything up to the last sync, and of the writes since then any part, in
//! any order, torn at sectors. Whatever the disk kept, the log opens with everything that was answered, and what
//! it shows is a prefix of what was sent.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use hindsight_engines::log::EventLog;
use hindsight_engines::log::embedded::faults::DiskFaults;
use hindsight_engines::log::embedded::{EmbeddedLog, FILE_NAME, Options};

use super::{AUDIT, open, record, values};

const SECTOR: usize = 512;
const APPENDS: usize = 24;

#[derive(Debug, Clone)]
enum Call {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

fn apply(image: &mut Vec<u8>, call: &Call) {
    match call {
        Call::SetLen(len) => image.resize(*len as usize, 0),
        Call::Write(offset, data) => {
            let (start, end) = (*offset as usize, *offset as usize + data.len());
            image.resize(image.len().max(end), 0);
            image[start..end].copy_from_slice(data);
        }
    }
}

/// A disk that remembers what is durable and what is not, and takes a picture at each call.
#[derive(Debug)]
struct Camera {
    state: Mutex<Picture>,
    answered: AtomicUsize,
    /// The next sync fails, and what it should have kept is lost though the kernel calls it clean.
    lose_next_sync: AtomicBool,
}

#[derive(Debug)]
struct Picture {
    rng: Rng,
    durable: Vec<u8>,
    unsynced: Vec<Call>,
    /// What a loss of power at some call would have left, by the number of answers before it.
    left: BTreeMap<usize, Vec<Vec<u8>>>,
}

impl Camera {
    fn new(seed: u64) -> Self {
        let state = Picture {
            rng: Rng::with_seed(seed),
            durable: Vec::new(),
            unsynced: Vec::new(),
            left: BTreeMap::new(),
        };
        Self {
            state: Mutex::new(state),
            answered: AtomicUsize::new(0),
            lose_next_sync: AtomicBool::new(false),
        }
    }

    fn note(&self, call: Call) {
        let mut state = self.state.lock().unwrap();
        state.unsynced.push(call);
        if state.rng.u8(..) < 40 {
            let image = state.lose_power();
            let answered = self.answered.load(Ordering::SeqCst);
            state.left.entry(answered).or_default().push(image);
        }
    }
}

impl Picture {
    fn lose_power(&mut self) -> Vec<u8> {
        let mut image = self.durable.clone();
        let keep = self.rng.u8(..);
        let mut calls = self.unsynced.clone();
        self.rng.shuffle(&mut calls);
        // A longer file is there or not; writes behind its end make it longer.
        for call in calls {
            match call {
                Call::Write(offset, data) => {
                    for (sector, part) in data.chunks(SECTOR).enumerate() {
                        if self.rng.u8(..) <= keep {
                            apply(
                                &mut image,
                                &Call::Write(offset + (sector * SECTOR) as u64, part.to_vec()),
                            );
                        }
                    }
                }
                longer @ Call::SetLen(len) if len as usize > image.len() => apply(&mut image, &longer),
                Call::SetLen(_) => {}
            }
        }
        image
    }
}

impl DiskFaults for Camera {
    fn before_write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.note(Call::Write(offset, data.to_vec()));
        Ok(())
    }

    fn before_set_len(&self, len: u64) -> io::Result<()> {
        self.note(Call::SetLen(len));
        Ok(())
    }

    fn before_sync(&self) -> io::Result<()> {
        if self.lose_next_sync.swap(false, Ordering::SeqCst) {
            self.state.lock().unwrap().unsynced.clear();
            return Err(io::Error::other("the disk lost something"));
        }
        Ok(())
    }

    fn after_sync(&self) {
        let mut state = self.state.lock().unwrap();
        let Picture {
            durable, unsynced, ..
        } = &mut *state;
        unsynced.drain(..).for_each(|call| apply(durable, &call));
    }
}

fn value(number: usize) -> Vec<u8> {
    let mut value = number.to_le_bytes().to_vec();
    value.resize(8 + (number * 977) % 9000, number as u8);
    value
}

#[tokio::test]
async fn what_was_answered_is_there_and_the_rest_is_a_prefix() {
    let mut images = 0;
    for seed in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let camera = Arc::new(Camera::new(seed));
        let options = Options {
            faults: Some(camera.clone()),
            quick_repair_above_bytes: if seed % 2 == 0 { 0 } else { u64::MAX },
            ..Options::default()
        };
        let log = EmbeddedLog::open(folder.path(), options).unwrap();
        camera.state.lock().unwrap().left.clear(); // a file without tables is a new log
        for number in 0..APPENDS {
            log.append(vec![record(AUDIT, value(number))]).await.unwrap();
            camera.answered.store(number + 1, Ordering::SeqCst);
        }
        drop(log);
        let left = std::mem::take(&mut camera.state.lock().unwrap().left);
        for (answered, image) in left
            .iter()
            .flat_map(|(answered, images)| images.iter().map(move |i| (*answered, i)))
        {
            check_image(seed, answered, image);
            images += 1;
        }
    }
    assert!(images > 100, "only {images} losses of power were tried");
}

fn check_image(seed: u64, answered: usize, image: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE_NAME), image).unwrap();
    let log = open(folder.path());
    let kept = values(&log).unwrap();
    assert!(
        kept.len() >= answered,
        "seed {seed}: {} of {answered} answered records are left",
        kept.len()
    );
    for (number, kept) in kept.iter().enumerate() {
        assert_eq!(kept, &value(number), "seed {seed}: record {number}");
    }
}

/// After a failed sync the kernel forgets what it did not write. What is answered later must not rest on it.
#[tokio::test]
async fn what_a_failed_sync_lost_is_written_again() {
    for lost_at in 1..APPENDS {
        let folder = tempfile::tempdir().unwrap();
        let camera = Arc::new(Camera::new(0));
        let options = Options {
            faults: Some(camera.clone()),
            retry_interval: Duration::ZERO,
            ..Options::default()
        };
        let log = EmbeddedLog::open(folder.path(), options).unwrap();
        let mut answered = Vec::new();
        for number in 0..APPENDS {
            camera.lose_next_sync.store(number == lost_at, Ordering::SeqCst);
            if log.append(vec![record(AUDIT, value(number))]).await.is_ok() {
                answered.push(value(number));
            }
        }
        assert_eq!(answered.len(), APPENDS - 1);
        let image = camera.state.lock().unwrap().durable.clone();
        drop(log);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), image).unwrap();
        let mut kept = values(&open(folder.path())).unwrap();
        kept.retain(|kept| *kept != value(lost_at));
        assert_eq!(kept, answered, "lost at append {lost_at}");
    }
}

/// A copy that was cut short is refused, or opens with a prefix; it is never read wrongly.
#[tokio::test]
async fn a_file_cut_short_is_refused_or_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let camera = Arc::new(Camera::new(7));
    let log = EmbeddedLog::open(
        folder.path(),
        Options {
            faults: Some(camera.clone()),
            ..Options::default()
        },
    )
    .unwrap();
    for number in 0..APPENDS {
        log.append(vec![record(AUDIT, value(number))]).await.unwrap();
    }
    let whole = std::fs::read(folder.path().join(FILE_NAME)).unwrap();
    let mut refused = 0;
    for cut in (1..whole.len()).step_by(whole.len() / 40) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), &whole[..cut]).unwrap();
        match EmbeddedLog::open(folder.path(), Options::default()) {
            Err(_) => refused += 1,
            Ok(log) => {
                for (number, kept) in values(&log).unwrap().iter().enumerate() {
                    assert_eq!(kept, &value(number), "cut at {cut}: record {number}");
                }
            }
        }
    }
    assert!(refused > 0);
}
