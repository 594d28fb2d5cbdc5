//! Takes events from memory to the edge, and by way of the disk while the edge is away. One thread decides and writes
//! files; answers come to it as messages, so a slow edge never stops the emptying of memory.
//!
//! Healthy: due batches go out, at most `in_flight` at once; what lies on disk goes along. When memory is half full
//! because all are on their way, batches go to disk. A failed batch goes to disk and the edge counts as away: everything
//! goes to disk, one batch is tried after the backoff, and its success ends the absence. Where the disk takes nothing,
//! batches stay in memory, whose bound then loses the newest, counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::answer::{Answer, Refused};
use crate::backoff::Backoff;
use crate::options::MOST_BATCH_EVENTS;
use crate::queue::{BatchRule, Item, MemoryQueue};
use crate::spill::{SpillStore, SpilledBatch};
use crate::transport::Transport;

/// How long the disk isn't tried after it took nothing.
const DISK_PAUSE: Duration = Duration::from_secs(5);
const STUCK_PAUSE: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(60);

/// What the courier is told.
pub(crate) enum Message {
    /// Look at the queue.
    Wake,
    /// A batch was answered.
    Answered(u64, Answer),
    /// Send everything, due or not.
    Flush(oneshot::Sender<bool>),
    /// Keep on disk whatever isn't at the edge yet, and end.
    End(oneshot::Sender<bool>),
}

/// What the courier shares with the callers' threads.
#[derive(Debug)]
pub(crate) struct Shared {
    queue: Mutex<MemoryQueue>,
    pub(crate) recorded: AtomicU64,
    pub(crate) kept: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) is_away: AtomicBool,
}

impl Shared {
    pub(crate) fn new(rule: BatchRule, memory_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(MemoryQueue::new(rule, memory_bytes)),
            recorded: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
        })
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, MemoryQueue> {
        self.queue.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// Takes an event; never waits. True where the courier should look: at the first event and at a full batch.
    pub(crate) fn offer(&self, item: Item) -> bool {
        add(&self.recorded, 1);
        let mut queue = self.queue();
        let now = item.at;
        match queue.offer(item) {
            Ok(()) => queue.len() == 1 || queue.is_due(now),
            // After the end: the next start finds it in the journal.
            Err(Item { entry: Some(_), .. }) => false,
            Err(_) => {
                add(&self.lost, 1);
                false
            }
        }
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

/// Events that go out together; `file`: where they lie on disk.
#[derive(Debug)]
struct Batch {
    items: Vec<Item>,
    file: Option<SpilledBatch>,
}

/// What a courier is made of.
pub(crate) struct Parts {
    pub(crate) rule: BatchRule,
    pub(crate) memory_bytes: usize,
    pub(crate) in_flight: usize,
    pub(crate) transport: Box<dyn Transport>,
    /// None: memory is all there is.
    pub(crate) spill: Option<SpillStore>,
    pub(crate) random: fastrand::Rng,
    pub(crate) messages: mpsc::UnboundedSender<Message>,
}

/// The courier.
pub(crate) struct Courier {
    parts: Parts,
    shared: Arc<Shared>,
    backoff: Backoff,
    on_their_way: BTreeMap<u64, Batch>,
    /// Halves of batches that were split.
    ready: VecDeque<Batch>,
    flushes: Vec<oneshot::Sender<bool>>,
    sent: u64,
    is_away: bool,
    retry_at: Instant,
    disk_at: Instant,
}

impl Courier {
    pub(crate) fn new(parts: Parts, shared: Arc<Shared>, now: Instant) -> Self {
        Self {
            backoff: Backoff::new(parts.random.clone()),
            parts,
            shared,
            on_their_way: BTreeMap::new(),
            ready: VecDeque::new(),
            flushes: vec![],
            sent: 0,
            is_away: false,
            retry_at: now,
            disk_at: now,
        }
    }

    /// Runs until it is told to end.
    pub(crate) async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        loop {
            let wake_at = tokio::time::Instant::from_std(self.wake_at(Instant::now()));
            let mut told = tokio::time::timeout_at(wake_at, messages.recv())
                .await
                .unwrap_or(Some(Message::Wake));
            while let Some(message) = told {
                if let Message::End(done) = message {
                    // Whoever asked may have given up waiting.
                    let _ = done.send(self.keep_the_rest());
                    return;
                }
                self.take(message, Instant::now());
                told = messages.try_recv().ok();
            }
            self.turn(Instant::now());
        }
    }

    fn take(&mut self, message: Message, now: Instant) {
        match message {
            Message::Wake | Message::End(_) => {}
            Message::Flush(done) => self.flushes.push(done),
            Message::Answered(number, answer) => self.answered(number, answer, now),
        }
    }

    fn turn(&mut self, now: Instant) {
        self.send_due(now);
        self.send_spilled(now);
        self.end_flushes();
    }

    /// What is due and couldn't go (no place on the way, a full disk) is looked at again after a pause.
    fn wake_at(&self, now: Instant) -> Instant {
        let next = match self.shared.queue().due_at() {
            Some(due) if due <= now => now + STUCK_PAUSE,
            Some(due) => due.min(now + IDLE),
            None => now + IDLE,
        };
        if self.is_away && self.on_their_way.is_empty() {
            next.min(self.retry_at)
        } else {
            next
        }
    }

    fn disk_is_empty(&self) -> bool {
        self.parts.spill.as_ref().is_none_or(SpillStore::is_empty)
    }

    fn send_due(&mut self, now: Instant) {
        while self.may_send(now)
            && let Some(half) = self.ready.pop_front()
        {
            self.send(half);
        }
        let rule = self.parts.rule;
        loop {
            let (is_due, bytes) = {
                let queue = self.shared.queue();
                let is_asked = !self.flushes.is_empty() && queue.len() > 0;
                (is_asked || queue.is_due(now), queue.bytes())
            };
            if !is_due {
                return;
            }
            let keeps_a_place_for_disk = !self.disk_is_empty()
                && self.on_their_way.len() >= self.parts.in_flight.saturating_sub(1).max(1);
            let may_go = !self.is_away || self.disk_is_empty();
            if self.may_send(now) && !keeps_a_place_for_disk && may_go {
                let items = self.shared.queue().take(rule.events, rule.bytes);
                self.send(Batch { items, file: None });
            } else if (!self.is_away && bytes < self.parts.memory_bytes / 2) || !self.spill_from_memory(now) {
                return;
            }
        }
    }

    /// While the edge is away one batch is tried at a time, after the backoff.
    fn may_send(&self, now: Instant) -> bool {
        if self.is_away {
            self.on_their_way.is_empty() && now >= self.retry_at
        } else {
            self.on_their_way.len() < self.parts.in_flight
        }
    }

    fn send_spilled(&mut self, now: Instant) {
        while self.may_send(now)
            && let Some(spill) = &mut self.parts.spill
            && let Some(file) = spill.next()
        {
            match spill.read(&file) {
                Ok(lines) if lines.is_empty() => self.remove(&file),
                Ok(lines) => {
                    let item = |line| Item {
                        line,
                        at: now,
                        entry: None,
                    };
                    self.send(Batch {
                        items: lines.into_iter().map(item).collect(),
                        file: Some(file),
                    });
                }
                // Left where it is: read again at the next start.
                Err(error) => {
                    tracing::error!(%error, ?file, "audit events on disk can't be read and stay there");
                }
            }
        }
    }

    fn send(&mut self, batch: Batch) {
        let mut lines = Vec::with_capacity(batch.items.iter().map(|item| item.line.len() + 1).sum());
        for item in &batch.items {
            lines.extend_from_slice(&item.line);
            lines.push(b'\n');
        }
        let (number, events) = (self.sent, batch.items.len());
        self.sent += 1;
        self.on_their_way.insert(number, batch);
        let sending = self.parts.transport.send(lines);
        let messages = self.parts.messages.clone();
        tokio::spawn(async move {
            let answer = Answer::of(sending.await, events);
            // The courier has ended: it kept the batch on disk.
            let _ = messages.send(Message::Answered(number, answer));
        });
    }

    fn answered(&mut self, number: u64, answer: Answer, now: Instant) {
        let Some(batch) = self.on_their_way.remove(&number) else {
            return;
        };
        match answer {
            Answer::Kept(refused) => {
                self.back();
                self.kept(batch, &refused);
            }
            Answer::Split(why) => {
                self.back();
                self.split(batch, &why);
            }
            failure => self.failed(batch, &failure, now),
        }
    }

    fn back(&mut self) {
        if self.is_away {
            tracing::info!("the edge takes audit events again");
        }
        self.set_away(false);
        self.backoff.succeeded();
    }

    fn set_away(&mut self, is_away: bool) {
        self.is_away = is_away;
        self.shared.is_away.store(is_away, Ordering::Relaxed);
    }

    fn kept(&mut self, batch: Batch, refused: &[Refused]) {
        add(&self.shared.kept, batch.items.len() - refused.len());
        for one in refused {
            self.set_aside(&batch.items[one.index], &one.why);
        }
        self.forget(batch);
    }

    fn set_aside(&self, item: &Item, why: &str) {
        add(&self.shared.refused, 1);
        tracing::error!(why, "the edge refuses an audit event");
        match self
            .parts
            .spill
            .as_ref()
            .map(|spill| spill.set_aside(&item.line, why))
        {
            Some(Ok(false)) => tracing::error!("refused.jsonl is full: the event is gone"),
            Some(Err(error)) => tracing::error!(%error, "a refused audit event can't be written to disk"),
            Some(Ok(true)) | None => {}
        }
    }

    fn forget(&mut self, mut batch: Batch) {
        done(&mut batch.items);
        if let Some(file) = batch.file {
            self.remove(&file);
        }
    }

    fn remove(&mut self, file: &SpilledBatch) {
        if let Some(Err(error)) = self.parts.spill.as_mut().map(|spill| spill.remove(file)) {
            tracing::warn!(%error, "a sent batch can't be removed and will be sent again, which does no harm");
        }
    }

    /// Halves a batch until what the edge won't have stands alone.
    fn split(&mut self, mut batch: Batch, why: &str) {
        if batch.items.len() == 1 {
            self.set_aside(&batch.items[0], why);
            self.forget(batch);
            return;
        }
        let mut second = batch.items.split_off(batch.items.len() / 2);
        if batch.file.is_some() && self.keep(&mut batch.items, true) && self.keep(&mut second, true) {
            self.forget(batch);
            return;
        }
        self.ready.push_back(Batch {
            items: batch.items,
            file: None,
        });
        self.ready.push_back(Batch {
            items: second,
            file: batch.file,
        });
    }

    fn failed(&mut self, mut batch: Batch, answer: &Answer, now: Instant) {
        match answer {
            Answer::Hold(why) => tracing::error!(why, "the edge takes no audit events"),
            Answer::Later { why, .. } if !self.is_away => {
                tracing::warn!(why, "the edge takes no audit events");
            }
            _ => {}
        }
        self.set_away(true);
        self.retry_at = now + self.backoff.failed(answer);
        if let Some(file) = batch.file {
            if let Some(spill) = &mut self.parts.spill {
                spill.again(file);
            }
        } else if !self.keep(&mut batch.items, false) {
            self.shared.queue().put_back(batch.items);
        }
    }

    /// False where the disk takes nothing now.
    fn spill_from_memory(&mut self, now: Instant) -> bool {
        if self.parts.spill.is_none() || now < self.disk_at {
            return false;
        }
        let rule = self.parts.rule;
        let mut items = self
            .shared
            .queue()
            .take((10 * rule.events).min(MOST_BATCH_EVENTS), rule.bytes);
        let is_kept = self.keep(&mut items, false);
        if !is_kept {
            self.shared.queue().put_back(items);
            self.disk_at = now + DISK_PAUSE;
        }
        is_kept
    }

    fn keep(&mut self, items: &mut [Item], is_quiet: bool) -> bool {
        let Some(spill) = &mut self.parts.spill else {
            return false;
        };
        match spill.keep(items.iter().map(|item| item.line.as_slice())) {
            Ok(true) => {
                done(items);
                true
            }
            Ok(false) => {
                if !is_quiet {
                    tracing::error!(
                        "the spill folder is at its bound: audit events stay in memory, and are lost when that is full"
                    );
                }
                false
            }
            Err(error) => {
                tracing::error!(%error, "audit events can't be kept on disk");
                false
            }
        }
    }

    fn end_flushes(&mut self) {
        if self.flushes.is_empty() || !self.on_their_way.is_empty() {
            return;
        }
        let memory_is_empty = self.shared.queue().len() == 0 && self.ready.is_empty();
        if self.is_away || (memory_is_empty && self.disk_is_empty()) {
            for done in self.flushes.drain(..) {
                // Whoever asked may have given up waiting.
                let _ = done.send(memory_is_empty);
            }
        }
    }

    /// True when nothing is lost.
    fn keep_the_rest(&mut self) -> bool {
        let rule = self.parts.rule;
        let on_their_way = std::mem::take(&mut self.on_their_way).into_values();
        let mut rest: Vec<Vec<Item>> = on_their_way
            .filter(|batch| batch.file.is_none())
            .map(|batch| batch.items)
            .collect();
        rest.extend(self.ready.drain(..).map(|batch| batch.items));
        loop {
            let items = self.shared.queue().take(rule.events, rule.bytes);
            if items.is_empty() {
                break;
            }
            rest.push(items);
        }
        let mut lost = 0;
        for mut items in rest {
            if !self.keep(&mut items, true) {
                lost += items.iter().filter(|item| item.entry.is_none()).count();
            }
        }
        add(&self.shared.lost, lost);
        if lost > 0 {
            tracing::error!(
                lost,
                "audit events could neither be sent nor kept on disk and are lost"
            );
        }
        lost == 0
    }
}

/// These events are kept elsewhere than in the journal.
fn done(items: &mut [Item]) {
    for item in items {
        if let Some(entry) = item.entry.take() {
            entry.done();
        }
    }
}

#[cfg(test)]
mod tests;
