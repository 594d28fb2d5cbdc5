//! The bounded load generator: so many connections, each one request at a time; at full speed or at a pace.
//!
//! Sends the corpus over and over; in each pass every tab is a session of its own, with a fresh id. **Invariant:** at
//! a pace each batch has its due time by the raw bytes before it, and how late it went out is told, so that a server
//! that can't keep up shows.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::Context;
use uuid::Uuid;

use crate::client::Client;
use crate::corpus::Corpus;

/// How to send.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Connections, and so requests in flight.
    pub connections: usize,
    /// Raw bytes a second; none: as fast as answers come.
    pub bytes_per_s: Option<f64>,
    /// When to stop.
    pub until: Until,
    /// After how many batches one is watched on its way.
    pub watched_every: usize,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After so much time.
    Elapsed(Duration),
    /// After so many events.
    Events(usize),
    /// After so many raw bytes.
    RawBytes(usize),
}

/// A batch that was answered 202, to be watched.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The session.
    pub session_id: Uuid,
    /// The tab.
    pub tab: String,
    /// The batch.
    pub seq: u32,
    /// When the answer came.
    pub answered: Instant,
}

/// What was sent and answered 202.
#[derive(Debug, Default)]
pub struct Sent {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Batches.
    pub batches: usize,
    /// Events in them.
    pub events: usize,
    /// Their JSON lines.
    pub raw_bytes: usize,
    /// Each from its sending to its 202.
    pub answer_times: Vec<Duration>,
    /// How late batches went out, at a pace.
    pub lateness: Vec<Duration>,
    /// Answers of 429 and 503, after which the batch was sent again.
    pub refused: usize,
}

impl Sent {
    fn add(&mut self, other: Sent) {
        self.batches += other.batches;
        self.events += other.events;
        self.raw_bytes += other.raw_bytes;
        self.answer_times.extend(other.answer_times);
        self.lateness.extend(other.lateness);
        self.refused += other.refused;
    }
}

struct Shared<'a> {
    corpus: &'a Corpus,
    load: Load,
    /// Raw bytes and events before each batch of a pass, and of the whole pass.
    before: Vec<(usize, usize)>,
    next: AtomicUsize,
    sent_events: AtomicUsize,
    started: Instant,
    started_ms: u64,
    run: [u8; 5],
}

/// Sends; a batch in `watched_every` is told to `watch` once it was answered.
pub fn send(
    address: SocketAddr,
    key: &str,
    corpus: &Corpus,
    load: Load,
    watch: &Sender<Watched>,
) -> anyhow::Result<Sent> {
    let mut before = vec![(0, 0)];
    for batch in &corpus.batches {
        let (bytes, events) = before[before.len() - 1];
        before.push((bytes + batch.raw_bytes, events + batch.events));
    }
    let shared = Shared {
        corpus,
        load,
        before,
        next: AtomicUsize::new(0),
        sent_events: AtomicUsize::new(0),
        started: Instant::now(),
        started_ms: u64::try_from(jiff::Timestamp::now().as_millisecond())?,
        run: std::array::from_fn(|_| fastrand::u8(..)),
    };
    let mut all = Sent::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..load.connections)
            .map(|_| {
                let client = Client::new(address, key);
                let (shared, watch) = (&shared, watch.clone());
                scope.spawn(move || shared.work(client, &watch))
            })
            .collect();
        for worker in workers {
            all.add(worker.join().expect("a connection's thread doesn't panic")?);
        }
        anyhow::Ok(())
    })?;
    all.elapsed = shared.started.elapsed();
    Ok(all)
}

impl Shared<'_> {
    fn work(&self, mut client: Client, watch: &Sender<Watched>) -> anyhow::Result<Sent> {
        let mut sent = Sent::default();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if self.is_over(number) {
                return Ok(sent);
            }
            self.send_one(&mut client, number, watch, &mut sent)?;
        }
    }

    fn is_over(&self, number: usize) -> bool {
        match self.load.until {
            Until::Elapsed(limit) => {
                self.started.elapsed() >= limit || self.due(number).is_some_and(|due| due >= limit)
            }
            Until::Events(limit) => self.sent_events.load(Ordering::Relaxed) >= limit,
            Until::RawBytes(limit) => self.raw_bytes_before(number) >= limit,
        }
    }

    /// When batch `number` is due, since the start.
    fn due(&self, number: usize) -> Option<Duration> {
        let bytes = self.raw_bytes_before(number) as f64;
        Some(Duration::from_secs_f64(bytes / self.load.bytes_per_s?))
    }

    fn raw_bytes_before(&self, number: usize) -> usize {
        let batches = self.corpus.batches.len();
        let (pass, index) = (number / batches, number % batches);
        pass * self.before[batches].0 + self.before[index].0
    }

    fn send_one(
        &self,
        client: &mut Client,
        number: usize,
        watch: &Sender<Watched>,
        sent: &mut Sent,
    ) -> anyhow::Result<()> {
        if let Some(due) = self.due(number) {
            std::thread::sleep(due.saturating_sub(self.started.elapsed()));
            sent.lateness.push(self.started.elapsed().saturating_sub(due));
        }
        let batch = &self.corpus.batches[number % self.corpus.batches.len()];
        let session_id = self.session(number / self.corpus.batches.len(), batch.tab);
        let tab = format!("w{}_0", batch.tab);
        let path = format!("/v1/recordings/{session_id}/{tab}/{}?encoding=gzip", batch.seq);
        let asked = loop {
            let asked = Instant::now();
            let answer = client
                .post(&path, &batch.packed)
                .context("a batch was not answered")?;
            match answer.status {
                202 => break asked,
                429 | 503 => {
                    sent.refused += 1;
                    std::thread::sleep(Duration::from_millis(100));
                }
                status => anyhow::bail!("{status}: {}", String::from_utf8_lossy(&answer.body)),
            }
        };
        sent.answer_times.push(asked.elapsed());
        sent.batches += 1;
        sent.events += batch.events;
        sent.raw_bytes += batch.raw_bytes;
        self.sent_events.fetch_add(batch.events, Ordering::Relaxed);
        if number.is_multiple_of(self.load.watched_every) {
            // Nobody watches: then nobody is told.
            let _ = watch.send(Watched {
                session_id,
                tab,
                seq: batch.seq,
                answered: Instant::now(),
            });
        }
        Ok(())
    }

    /// A visit of now: the time of the run, then its number.
    fn session(&self, pass: usize, tab: usize) -> Uuid {
        let mut random = [0; 10];
        random[..5].copy_from_slice(&self.run);
        let number = u32::try_from(pass * self.corpus.tabs + tab).unwrap_or(u32::MAX);
        random[6..].copy_from_slice(&number.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(self.started_ms + pass as u64, &random).into_uuid()
    }
}
