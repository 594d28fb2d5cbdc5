//! The client: what happened is said on the caller's thread, sent by a thread of its own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::courier::{Courier, Message, Parts, Shared};
use crate::event::AuditEvent;
use crate::masking::Masking;
use crate::operation::{Operation, OperationRefused};
use crate::options::{Options, OptionsError};
use crate::queue::{BatchRule, Item};
use crate::spill::journal::{Entry, Journal};
use crate::spill::{DiskBytes, SpillStore};
use crate::state::StateWriter;
use crate::transport::HttpTransport;

/// What is sent of an operation that began and of which nothing more was heard.
const UNKNOWN: &str = "outcome unknown: the process ended during the operation";

/// What became of the events so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Events that the application gave.
    pub recorded: u64,
    /// Events that the edge holds.
    pub kept: u64,
    /// Events that the edge won't have; they lie in `refused.jsonl` of the spill folder.
    pub refused: u64,
    /// Events that found no room in memory or on disk, or came after the close.
    pub lost: u64,
    /// Events not yet sent.
    pub waiting_in_memory: usize,
    /// Bytes of events on disk that the edge doesn't hold yet.
    pub waiting_bytes_on_disk: u64,
    /// Whether the edge took nothing at the last try.
    pub is_away: bool,
}

/// Sends audit events. One a process; cheap to clone; close it at the end.
#[derive(Clone, Debug)]
pub struct HindsightClient {
    inner: Arc<Inner>,
}

/// What a client and its operations share.
pub(crate) struct Inner {
    options: Options,
    writer: StateWriter,
    shared: Arc<Shared>,
    messages: mpsc::UnboundedSender<Message>,
    journal: Option<Journal>,
    disk: Option<Arc<DiskBytes>>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        f.debug_struct("Inner")
            .field("url", &self.options.url)
            .finish_non_exhaustive()
    }
}

impl HindsightClient {
    /// Starts a client. What can't work is told here; that the edge is away is no reason not to start.
    pub fn start(options: Options) -> Result<Self, OptionsError> {
        options.check()?;
        let transport = HttpTransport::new(&options.url, &options.key, options.request_wait)
            .map_err(|error| OptionsError::Url(format!("{}: {error}", options.url)))?;
        let spill = open_spill(&options);
        let rule = BatchRule {
            events: options.batch_events,
            bytes: options.batch_bytes,
            wait: options.batch_wait,
        };
        let shared = Shared::new(rule, options.memory_bytes);
        let (messages, told) = mpsc::unbounded_channel();
        let masking = Masking::new(&options.mask_names, &options.mask_except, options.mask_phones);
        let inner = Arc::new(Inner {
            writer: StateWriter::new(masking, options.state_depth),
            shared: shared.clone(),
            messages: messages.clone(),
            journal: spill.as_ref().map(SpillStore::journal),
            disk: spill.as_ref().map(SpillStore::disk),
            thread: std::sync::Mutex::new(None),
            options,
        });
        let parts = Parts {
            rule,
            memory_bytes: inner.options.memory_bytes,
            in_flight: inner.options.in_flight,
            transport: Box::new(transport),
            spill,
            random: fastrand::Rng::new(),
            messages,
        };
        let courier = Courier::new(parts, shared, Instant::now());
        // Of its own, so that a service without tokio or with a busy one is served alike.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("hindsight-client".into())
            .spawn(move || runtime.block_on(courier.run(told)))?;
        *inner.thread.lock().unwrap_or_else(|broken| broken.into_inner()) = Some(thread);
        Ok(Self { inner })
    }

    /// Says that something happened. Never waits.
    pub fn record(&self, event: AuditEvent) {
        self.inner.offer(event, None);
    }

    /// An operation is about to run. Refused if it is strict and its event can't be kept.
    pub async fn begin(&self, event: AuditEvent) -> Result<Operation, OperationRefused> {
        let is_strict = event.strict.unwrap_or(self.inner.options.strict);
        let entry = if is_strict {
            let (inner, begun) = (self.inner.clone(), event.clone());
            let promise = tokio::task::spawn_blocking(move || inner.promise(begun)).await;
            Some(promise.map_err(|error| OperationRefused(error.to_string()))??)
        } else {
            None
        };
        Ok(Operation::new(self.inner.clone(), event, entry))
    }

    /// An operation is about to run, and isn't refused whatever the settings say.
    pub fn begin_lenient(&self, event: AuditEvent) -> Operation {
        Operation::new(self.inner.clone(), event, None)
    }

    /// Waits until what was recorded is at the edge or on disk; false where that took too long or neither takes it.
    pub async fn flush(&self, wait: Duration) -> bool {
        self.ask(Message::Flush, wait).await
    }

    async fn ask(&self, message: fn(oneshot::Sender<bool>) -> Message, wait: Duration) -> bool {
        let (done, answer) = oneshot::channel();
        if self.inner.messages.send(message(done)).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(wait, answer).await, Ok(Ok(true)))
    }

    /// What became of the events so far.
    pub fn stats(&self) -> Stats {
        let shared = &self.inner.shared;
        let disk = self.inner.disk.as_ref();
        Stats {
            recorded: shared.recorded.load(Ordering::Relaxed),
            kept: shared.kept.load(Ordering::Relaxed),
            refused: shared.refused.load(Ordering::Relaxed),
            lost: shared.lost.load(Ordering::Relaxed),
            waiting_in_memory: shared.queue().len(),
            waiting_bytes_on_disk: disk.map_or(0, |disk| disk.used.load(Ordering::Relaxed)),
            is_away: shared.is_away.load(Ordering::Relaxed),
        }
    }

    /// Takes no more events, sends what it can within `close_wait`, keeps the rest on disk. False where some were lost.
    pub async fn close(&self) -> bool {
        self.inner.shared.queue().close();
        self.flush(self.inner.options.close_wait).await;
        let kept_all = self.ask(Message::End, Duration::from_secs(30)).await;
        let thread = self.inner.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // It ended or panicked: nothing is left to do for either.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        if let Some(journal) = &self.inner.journal {
            journal.close();
        }
        kept_all
    }
}

fn open_spill(options: &Options) -> Option<SpillStore> {
    let folder = options.spill_folder.as_ref()?;
    match SpillStore::open(folder, options.spill_bytes) {
        Ok(store) => Some(store),
        Err(error) => {
            tracing::error!(
                %error, folder = %folder.display(),
                "the spill folder can't be used: while the edge is away, audit events wait in memory alone, and strict \
                 operations are refused"
            );
            None
        }
    }
}

impl Inner {
    fn line(&self, event: AuditEvent) -> Vec<u8> {
        event.encode(&self.writer, self.options.event_bytes)
    }

    /// Makes sure of a place before the operation runs: on disk, and in memory for its end. Blocks for a sync.
    fn promise(&self, event: AuditEvent) -> Result<Entry, OperationRefused> {
        let Some(journal) = &self.journal else {
            return Err(OperationRefused("there is no spill folder".into()));
        };
        if !self.shared.queue().has_room(self.options.event_bytes) {
            return Err(OperationRefused("memory is full, or the client is closed".into()));
        }
        let id = event.id.clone();
        let unfinished = self.line(event.error(UNKNOWN));
        journal
            .begin(&id, &unfinished)
            .map_err(|error| OperationRefused(error.to_string()))
    }

    /// Ends an operation, a strict one on disk.
    pub(crate) async fn complete(client: Arc<Self>, event: AuditEvent, entry: Option<Entry>) {
        match entry {
            None => client.offer(event, None),
            Some(entry) => {
                let ending = tokio::task::spawn_blocking(move || client.complete_strict(event, entry));
                // It panics only where the event can't be made; the journal has that it began.
                let _ = ending.await;
            }
        }
    }

    fn complete_strict(&self, event: AuditEvent, mut entry: Entry) {
        let id = event.id.clone();
        let line = self.line(event);
        if let Some(journal) = &self.journal
            && let Err(error) = journal.complete(&mut entry, &id, &line)
        {
            // It has happened, so it isn't denied: memory has it, and the journal that it began.
            tracing::error!(%error, "the end of a strict operation can't be kept on disk");
        }
        self.offer_line(line, Some(entry));
    }

    pub(crate) fn offer(&self, event: AuditEvent, entry: Option<Entry>) {
        self.offer_line(self.line(event), entry);
    }

    fn offer_line(&self, line: Vec<u8>, entry: Option<Entry>) {
        let at = Instant::now();
        if self.shared.offer(Item { line, at, entry }) {
            // The courier has ended: the queue is closed, too, and the event is counted.
            let _ = self.messages.send(Message::Wake);
        }
    }
}
