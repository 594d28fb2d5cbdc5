//! Sessions in a real segment store, an index in memory, and a process that can die before any change it makes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use hindsight_engines::analytics::QueryError;
use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
use hindsight_engines::segments::format::{Digest, LogRange};
use hindsight_engines::segments::{
    CompactOptions, Compacted, FlushBuilder, FlushFrame, Keep, Listed, LocalSegments, Manifest, Month,
    ObjectSegments, ObjectTail, PendingObject, Prefix, Put, SegmentPath, SegmentStore, Sources, StoreError,
    Window, claims_of, compact, flush_frames, footer, put_flush, read_events,
};
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::lifecycle::removal::{
    FlushRows, RemovalError, RemovalOptions, Removed, Remover, SegmentRows,
};
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, ProjectId, SessionId, Topic};
use hindsight_schemas::record::{Codec, KeyKind, Layout, RecordingBatch};
use tokio::sync::watch;

pub(crate) const GRACE: Duration = Duration::from_secs(24 * 3600);
pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;
/// Far behind everything here.
pub(crate) const LATE_S: i64 = 4_000_000_000;

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(crate) fn project() -> ProjectId {
    "shop".parse().unwrap()
}

pub(crate) fn session(number: u8) -> SessionId {
    SessionId::from_parts(1_795_322_603_000, [number; 10])
}

/// Changes that may still be made; below 0 the process is dead.
#[derive(Clone)]
pub(crate) struct Life(Arc<AtomicI64>);

impl Life {
    fn spend(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) > 0
    }
}

/// A store whose removals end with the process.
struct Mortal {
    inner: Arc<dyn SegmentStore>,
    life: Life,
}

#[async_trait]
impl SegmentStore for Mortal {
    async fn create(&self, path: &SegmentPath) -> Result<Box<dyn PendingObject>, StoreError> {
        self.inner.create(path).await
    }

    async fn get(&self, path: &SegmentPath) -> Result<Bytes, StoreError> {
        self.inner.get(path).await
    }

    async fn get_range(&self, path: &SegmentPath, range: std::ops::Range<u64>) -> Result<Bytes, StoreError> {
        self.inner.get_range(path, range).await
    }

    async fn get_tail(&self, path: &SegmentPath, bytes: u64) -> Result<ObjectTail, StoreError> {
        self.inner.get_tail(path, bytes).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&SegmentPath>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(prefix, after, limit).await
    }

    async fn delete(&self, path: &SegmentPath) -> Result<(), StoreError> {
        if self.life.spend() {
            return self.inner.delete(path).await;
        }
        Err(StoreError::Engine {
            path: path.to_string(),
            source: "the process died".into(),
        })
    }
}

/// The rows of flush frames.
struct Rows {
    frames: Mutex<Vec<FlushFrame>>,
    life: Life,
}

#[async_trait]
impl SegmentRows for Rows {
    async fn forget(&self, objects: &[FlushRows]) -> Result<(), QueryError> {
        if !self.life.spend() {
            return Err(QueryError::Unavailable("the process died".into()));
        }
        let gone: Vec<String> = objects.iter().map(|rows| rows.object.to_string()).collect();
        self.frames
            .lock()
            .unwrap()
            .retain(|frame| !gone.contains(&frame.object));
        Ok(())
    }

    async fn forget_sessions(&self, _: &ProjectId, sessions: &[SessionId]) -> Result<u64, QueryError> {
        let mut frames = self.frames.lock().unwrap();
        let before = frames.len();
        frames.retain(|frame| !sessions.contains(&frame.batch.session_id));
        Ok((before - frames.len()) as u64)
    }

    async fn drop_left(&self, _: i64) -> Result<(), QueryError> {
        Ok(())
    }
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Arc<dyn SegmentStore>,
    rows: Arc<Rows>,
    search: Arc<EmbeddedSearch>,
    life: Life,
    next: Offset,
    /// What was sent, by session: event texts in order.
    sent: BTreeMap<SessionId, Vec<String>>,
    remover: Remover,
}

impl World {
    /// Over a folder.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalSegments::open(&folder.path().join("segments")).unwrap();
        Self::over(folder, Arc::new(store))
    }

    /// Over an object store.
    pub(crate) fn in_memory() -> Self {
        let objects = ObjectSegments::new(Arc::new(object_store::memory::InMemory::new()));
        Self::over(tempfile::tempdir().unwrap(), Arc::new(objects))
    }

    fn over(folder: tempfile::TempDir, inner: Arc<dyn SegmentStore>) -> Self {
        let life = Life(Arc::new(AtomicI64::new(i64::MAX)));
        let store: Arc<dyn SegmentStore> = Arc::new(Mortal {
            inner,
            life: life.clone(),
        });
        let rows = Arc::new(Rows {
            frames: Mutex::default(),
            life: life.clone(),
        });
        let search = EmbeddedSearch::open(&folder.path().join("search"), WriterMemory(15_000_000)).unwrap();
        let search = Arc::new(search);
        let remover = remover(&store, &rows, &search);
        Self {
            folder,
            store,
            rows,
            search,
            life,
            next: 0,
            sent: BTreeMap::new(),
            remover,
        }
    }

    /// A flush object of the next batch of each of these sessions, kept until then.
    pub(crate) async fn flush(&mut self, sessions: &[(u8, i64)]) -> SegmentPath {
        let first = self.next;
        let last = first + sessions.len() as u64 - 1;
        let log_id = LogId(uuid::Uuid::from_u128(17));
        let partition = Partition {
            topic: Topic::Recordings,
            partition: 2,
        };
        let range = LogRange {
            log_id,
            topic: partition.topic,
            partition: partition.partition,
            first,
            last,
        };
        let mut builder = FlushBuilder::new(range);
        for (offset, &(number, expires_at_s)) in (first..).zip(sessions) {
            let batch = self.next_batch(number, expires_at_s);
            let position = Position {
                log_id,
                partition,
                offset,
            };
            builder.push(&batch, position, 1 << 20).unwrap();
        }
        self.next = last + 1;
        let path = SegmentPath::Flush {
            view: 1,
            partition: partition.partition,
            first,
            last,
        };
        let object = builder.finish().unwrap();
        let (_, footer) = put_flush(&*self.store, &path, &object, &|_, _| false)
            .await
            .unwrap();
        self.rows
            .frames
            .lock()
            .unwrap()
            .extend(flush_frames(&path, &footer));
        path
    }

    fn next_batch(&mut self, number: u8, expires_at_s: i64) -> RecordingBatch {
        let sent = self.sent.entry(session(number)).or_default();
        let seq = u32::try_from(sent.len()).unwrap();
        let at = 1_795_322_603_000 + i64::from(seq) * 1000;
        let event =
            format!(r#"{{"type":3,"timestamp":{at},"data":{{"source":1,"positions":[{number},{seq}]}}}}"#);
        sent.push(event.clone());
        RecordingBatch {
            project: project(),
            session_id: session(number),
            tab: "tab".parse().unwrap(),
            seq,
            received_at_us: at * 1000,
            sent_at_ms: None,
            clock_offset_ms: None,
            first_at_ms: at,
            last_at_ms: at,
            events: 1,
            raw_bytes: i64::try_from(event.len()).unwrap(),
            keyframe: false,
            ended: false,
            is_final: false,
            layout: Layout::JsonLines,
            codec: Codec::Identity,
            content_sha256: Digest::of(format!("{event}\n").as_bytes()).0.to_vec(),
            body: event.into_bytes(),
            canonical: b"{}".to_vec(),
            key_id: "key".into(),
            key_kind: KeyKind::Browser,
            level: "L4".into(),
            retention_class: "recordings".into(),
            expires_at_s,
            rules_version: 1,
            source: String::new(),
            device: String::new(),
            client_ip: String::new(),
            user_agent: String::new(),
            country: String::new(),
            encryption_key_id: String::new(),
            encryption_suite: String::new(),
        }
    }

    /// What a reader would be told of a session now.
    pub(crate) async fn manifest(&self, number: u8) -> Option<Arc<Manifest>> {
        let newest = claims_of(&*self.store, &project(), session(number))
            .await
            .unwrap()
            .pop();
        let generation = match newest {
            None => None,
            Some(claim) => Some(Arc::new(footer(&*self.store, &claim.path).await.unwrap())),
        };
        let frames = self.rows.frames.lock().unwrap().clone();
        let flush: Vec<FlushFrame> = frames
            .into_iter()
            .filter(|frame| frame.batch.session_id == session(number))
            .collect();
        let sources = Sources {
            generation,
            flush: &flush,
            closed: true,
            ..Sources::default()
        };
        Manifest::of(sources).unwrap().map(Arc::new)
    }

    /// The events that a reader of this manifest gets.
    pub(crate) async fn events(&self, manifest: &Arc<Manifest>) -> Vec<String> {
        let whole = Window {
            from_ms: None,
            to_ms: None,
        };
        read_events(
            self.store.clone(),
            manifest.clone(),
            &"tab".parse().unwrap(),
            whole,
        )
        .map_ok(|event| String::from_utf8(event.text.to_vec()).unwrap())
        .try_collect()
        .await
        .unwrap()
    }

    pub(crate) async fn close(&self, number: u8) -> Compacted {
        let manifest = self.manifest(number).await.unwrap();
        let keep = Keep {
            class: "recordings".parse().unwrap(),
            month: Month::of(manifest.longest_kept().unwrap().expires_at_s),
        };
        compact(self.store.clone(), manifest, &keep, CompactOptions::default())
            .await
            .unwrap()
    }

    /// Everything that was sent of a session can be read.
    pub(crate) async fn assert_whole(&self, number: u8) {
        let manifest = self.manifest(number).await.expect("the session is known");
        assert_eq!(
            self.events(&manifest).await,
            self.sent[&session(number)],
            "session {number}"
        );
    }

    pub(crate) async fn erase(&self, number: u8) {
        let path = SegmentPath::Erased {
            project: project(),
            session: session(number),
        };
        assert_eq!(
            self.store.put_create(&path, Bytes::new()).await.unwrap(),
            Put::Created
        );
    }

    /// A round of a process that may make so many changes before it dies.
    pub(crate) async fn round_of_life(&mut self, now_ms: i64, changes: i64) -> Result<Removed, RemovalError> {
        self.life.0.store(changes, Ordering::SeqCst);
        let (_running, stop) = watch::channel(false);
        let done = self.remover.round(now_ms, &stop).await;
        if self.life.0.swap(i64::MAX, Ordering::SeqCst) < 0 {
            // The next process knows nothing of what this one did.
            self.remover = remover(&self.store, &self.rows, &self.search);
        }
        done
    }

    /// A round of a process that lives.
    pub(crate) async fn round(&mut self, now_ms: i64) -> Removed {
        self.round_of_life(now_ms, i64::MAX).await.unwrap()
    }

    /// Names of all objects under a prefix.
    pub(crate) async fn names(&self, prefix: Prefix) -> Vec<String> {
        let listed = self.store.list(&prefix, None, 1000).await.unwrap();
        listed.iter().map(|listed| listed.path.to_string()).collect()
    }

    pub(crate) async fn count(&self) -> (usize, usize, usize) {
        (
            self.names(Prefix::Flushes { view: 1 }).await.len(),
            self.names(Prefix::Data).await.len(),
            self.names(Prefix::Claims).await.len(),
        )
    }
}

fn remover(store: &Arc<dyn SegmentStore>, rows: &Arc<Rows>, search: &Arc<EmbeddedSearch>) -> Remover {
    let options = RemovalOptions {
        grace: GRACE,
        ..RemovalOptions::default()
    };
    Remover::new(
        store.clone(),
        rows.clone(),
        search.clone(),
        ErasedSessions::new(store.clone()),
        1,
        options,
    )
}
