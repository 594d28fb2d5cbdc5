//! When a record that seems lost is told: over the embedded log and index, with a search that sees too little at first, and
//! a ClickHouse that is away.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use hindsight_engines::analytics::{
    Analytics, ByteStream, InsertBlock, InsertError, MigrateError, Query, QueryError,
};
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_engines::log::{Commit, Committed, EventLog, NewRecord, Polled, ReadBounds, Route};
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
use hindsight_engines::search::{
    AuditPage, AuditSearch, Encoded, Search, SearchError, SearchHealth, SearchWrite, SessionPage,
    SessionSearch, Standing, WriteOutcome, WriteRange, WrittenPartition,
};
use hindsight_engines::segments::{LocalSegments, SegmentStore};
use hindsight_processors::delivery::dead_letter::dead_letter;
use hindsight_processors::delivery::{Poison, group};
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::scrub::{Outcome, Passed, ScrubOptions, Scrubber, View, Views};
use hindsight_schemas::documents::{AuditDocument, DocumentId};
use hindsight_schemas::ids::{AuditId, Offset, Partition, Topic};
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::{AuditRecord, KeyKind, Record};
use serde_json::json;

const PARTITION: Partition = Partition {
    topic: Topic::Audit,
    partition: 0,
};
const LATE_S: i64 = 4_000_000_000;

/// A search that sees nothing so many times, or fails.
pub(super) struct Slow {
    inner: EmbeddedSearch,
    blind: AtomicUsize,
    pub(super) away: AtomicUsize,
    pub(super) refreshed: AtomicUsize,
}

impl Slow {
    pub(super) fn open(folder: &Path) -> Self {
        Self {
            inner: EmbeddedSearch::open(folder, WriterMemory::default()).unwrap(),
            blind: AtomicUsize::new(0),
            away: AtomicUsize::new(0),
            refreshed: AtomicUsize::new(0),
        }
    }
}

/// Counts one down; whether there was one.
fn took(left: &AtomicUsize) -> bool {
    let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    taken.is_ok()
}

#[async_trait]
impl Search for Slow {
    fn encode(&self, writes: Vec<SearchWrite>) -> Result<Encoded, SearchError> {
        self.inner.encode(writes)
    }

    async fn write_encoded(
        &self,
        range: WriteRange,
        writes: Arc<Encoded>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        self.inner.write_encoded(range, writes).await
    }

    async fn standing(&self, ids: Vec<(DocumentId, [u8; 32])>) -> Result<Vec<Standing>, SearchError> {
        if took(&self.away) {
            return Err(SearchError::Engine("away".into()));
        }
        if took(&self.blind) {
            return Ok(vec![Standing::Absent; ids.len()]);
        }
        self.inner.standing(ids).await
    }

    async fn search_audit(&self, search: AuditSearch) -> Result<AuditPage, SearchError> {
        self.inner.search_audit(search).await
    }

    async fn search_sessions(&self, search: SessionSearch) -> Result<SessionPage, SearchError> {
        self.inner.search_sessions(search).await
    }

    async fn written_partitions(&self) -> Result<Vec<WrittenPartition>, SearchError> {
        self.inner.written_partitions().await
    }

    async fn expire(&self, now_s: i64) -> Result<u64, SearchError> {
        self.inner.expire(now_s).await
    }

    async fn refresh(&self) -> Result<(), SearchError> {
        if took(&self.away) {
            return Err(SearchError::Engine("away".into()));
        }
        self.refreshed.fetch_add(1, Ordering::SeqCst);
        self.inner.refresh().await
    }

    async fn health(&self) -> Result<SearchHealth, SearchError> {
        self.inner.health().await
    }
}

/// A ClickHouse that does not answer.
struct Away;

fn away() -> QueryError {
    QueryError::Unavailable("away".into())
}

#[async_trait]
impl Analytics for Away {
    async fn ping(&self) -> Result<(), QueryError> {
        Err(away())
    }

    async fn migrate(&self, _: u32) -> Result<(), MigrateError> {
        Err(away().into())
    }

    async fn make_tables(&self, _: &str) -> Result<(), MigrateError> {
        Err(away().into())
    }

    async fn alter(&self, _: String) -> Result<(), QueryError> {
        Err(away())
    }

    async fn insert(&self, _: &InsertBlock) -> Result<(), InsertError> {
        Err(InsertError::Unavailable("away".into()))
    }

    async fn stream(&self, _: Query) -> Result<ByteStream, QueryError> {
        Err(away())
    }

    async fn execute(&self, _: Query) -> Result<(), QueryError> {
        Err(away())
    }

    fn replicated(&self) -> bool {
        true
    }
}

struct World {
    log: Arc<dyn EventLog>,
    search: Arc<Slow>,
    scrubber: Scrubber,
    record: AuditRecord,
}

fn record(expires_at_s: i64) -> AuditRecord {
    let id = AuditId::from_parts(1_795_322_603_000, [7; 10]);
    let event = json!({
        "action": "policy.update", "class": "audit", "id": id, "occurred_at": "2026-11-22T04:30:00.123000Z",
        "operation": "update", "outcome": "success", "project": "shop", "received_at": "2026-11-22T04:30:01.000000Z",
    });
    AuditRecord {
        project: "shop".parse().unwrap(),
        id,
        source_id: String::new(),
        occurred_at_us: 1_795_321_800_123_000,
        received_at_us: 1_795_321_801_000_000,
        session_id: String::new(),
        tab: String::new(),
        trace_id: String::new(),
        canonical: event.to_string().into_bytes(),
        key_id: "key".into(),
        key_kind: KeyKind::Server,
        retention_class: "audit".into(),
        expires_at_s,
        rules_version: 1,
        masked: Vec::new(),
        source: String::new(),
        device: String::new(),
        clock_offset_ms: None,
        encryption_key_id: String::new(),
        encryption_suite: String::new(),
    }
}

impl World {
    /// One audit event, which all views have passed and search has.
    async fn new(folder: &Path, expires_at_s: i64) -> Self {
        let options = Options {
            partitions: 1,
            ..Options::default()
        };
        let log: Arc<dyn EventLog> = Arc::new(EmbeddedLog::open(&folder.join("log"), options).unwrap());
        let search = Arc::new(Slow::open(&folder.join("search")));
        let local = LocalSegments::open(&folder.join("segments")).unwrap();
        let segments: Arc<dyn SegmentStore> = Arc::new(local);
        let analytics: Arc<dyn Analytics> = Arc::new(Away);
        let views = Views {
            log: log.clone(),
            analytics: analytics.clone(),
            search: search.clone(),
            replays: Arc::new(ReplayIndex::new(analytics, segments.clone(), 1)),
            erased: ErasedSessions::new(segments),
            view_generation: 1,
        };
        let options = ScrubOptions {
            pause: Duration::from_millis(1),
            ..ScrubOptions::default()
        };
        let world = Self {
            log,
            search,
            scrubber: Scrubber::new(views, options),
            record: record(expires_at_s),
        };
        world.fill().await;
        world
    }

    async fn fill(&self) {
        let appended = NewRecord {
            topic: Topic::Audit,
            to: Route::Partition(0),
            key: Bytes::from_static(b"k"),
            value: Some(Record::Audit(self.record.clone()).encode().unwrap().into()),
            headers: Vec::new(),
        };
        let position = self.log.append(vec![appended]).await.unwrap()[0];
        let document = AuditDocument::new(self.record.clone(), position).unwrap();
        self.write(SearchWrite::CreateAudit(Box::new(document))).await;
        for view in ["analytics", "search"] {
            commit(&*self.log, &group(view, 1), 1);
        }
    }

    async fn write(&self, write: SearchWrite) {
        let range = WriteRange {
            log_id: self.log.id(Topic::Audit),
            partition: PARTITION,
            last: 0,
        };
        self.search.write(range, vec![write]).await.unwrap();
    }

    /// Search sees nothing in its next looks.
    fn blind(&self, looks: usize) {
        self.search.blind.store(looks, Ordering::SeqCst);
    }

    async fn pass(&self) -> Passed {
        self.scrubber.pass(None, |_| {}).await.unwrap()
    }

    /// How the one event stands in search; in analytics it is not known.
    async fn in_search(&self) -> (Outcome, usize) {
        let passed = self.pass().await;
        let each: Vec<_> = passed.tally.each().collect();
        let [analytics, (View::Search, outcome, 1)] = each[..] else {
            panic!("{each:?}");
        };
        assert_eq!(analytics, (View::Analytics, Outcome::Unknown, 1));
        assert!(
            passed.losses.iter().all(|loss| loss.view == View::Search),
            "{passed:?}"
        );
        (outcome, passed.losses.len())
    }
}

/// Commits as a lane of the group would.
fn commit(log: &dyn EventLog, group: &str, offset: Offset) {
    let mut consumer = log.consumer(group, &[Topic::Audit]).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let assigned = |polled: &Polled| matches!(polled, Polled::Assigned(all) if all.contains(&PARTITION));
    while !consumer
        .poll(Duration::from_millis(100))
        .unwrap()
        .iter()
        .any(assigned)
    {
        assert!(Instant::now() < until, "no partition is assigned");
    }
    let committed = Committed {
        offset,
        metadata: String::new(),
    };
    let partition = PARTITION;
    consumer.commit(&[Commit { partition, committed }]).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_came_too_early_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), LATE_S).await;
    assert_eq!(world.in_search().await, (Outcome::Found, 0));
    world.blind(1);
    assert_eq!(world.in_search().await, (Outcome::Found, 0));
    world.blind(2);
    assert_eq!(world.in_search().await, (Outcome::Missing, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_does_not_answer_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), LATE_S).await;
    world.search.away.store(1, Ordering::SeqCst);
    assert_eq!(world.in_search().await, (Outcome::Unknown, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expired_or_was_refused_or_erased_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(&folder.path().join("expired"), 1).await;
    world.blind(2);
    assert_eq!(world.in_search().await, (Outcome::Expired, 0));

    let world = World::new(&folder.path().join("kept"), LATE_S).await;
    let record = world
        .log
        .read(PARTITION, 0, ReadBounds::ONE)
        .await
        .unwrap()
        .remove(0);
    let letter = |view| {
        let poison = Poison {
            position: record.position,
            reason: Reason::PoisonBody,
            detail: "refused".into(),
        };
        dead_letter(view, &poison, &record)
    };
    world.log.append(vec![letter("analytics")]).await.unwrap();
    world.blind(2);
    assert_eq!(
        world.in_search().await,
        (Outcome::Missing, 1),
        "another view's letter explains nothing"
    );
    world.log.append(vec![letter("search")]).await.unwrap();
    world.blind(2);
    assert_eq!(world.in_search().await, (Outcome::Refused, 0));

    let id = DocumentId::audit(&world.record.project, world.record.id);
    world.write(SearchWrite::Stub(id)).await;
    assert_eq!(world.in_search().await, (Outcome::Erased, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_content_under_the_identity_is_told_unless_it_was_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), LATE_S).await;
    // Nobody wrote such a document for this record: as if the log had been another one.
    let mut other = world.record.clone();
    let canonical = String::from_utf8(other.canonical).unwrap();
    other.canonical = canonical.replace("policy.update", "policy.delete").into_bytes();
    let appended = NewRecord {
        topic: Topic::Audit,
        to: Route::Partition(0),
        key: Bytes::from_static(b"k"),
        value: Some(Record::Audit(other).encode().unwrap().into()),
        headers: Vec::new(),
    };
    let twin = world.log.append(vec![appended]).await.unwrap()[0];
    for view in ["analytics", "search"] {
        commit(&*world.log, &group(view, 1), twin.offset + 1);
    }
    let losses = world.pass().await.losses;
    let [loss] = &losses[..] else {
        panic!("{losses:?}");
    };
    assert_eq!(
        (loss.view, loss.outcome, loss.position),
        (View::Search, Outcome::Different, twin)
    );
    assert!(loss.identity.starts_with("shop/"), "{loss:?}");
    let record = world
        .log
        .read(PARTITION, twin.offset, ReadBounds::ONE)
        .await
        .unwrap()
        .remove(0);
    let poison = Poison {
        position: twin,
        reason: Reason::Conflict,
        detail: "another body came first".into(),
    };
    world
        .log
        .append(vec![dead_letter("search", &poison, &record)])
        .await
        .unwrap();
    assert_eq!(world.pass().await.losses, []);
}
