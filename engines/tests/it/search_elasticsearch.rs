//! Elasticsearch against the conformance suite, and what only a server can do to us.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use hindsight_engines::search::conformance::{self, events};
use hindsight_engines::search::elasticsearch::{ElasticsearchOptions, ElasticsearchSearch, Refusal};
use hindsight_engines::search::parse::parse;
use hindsight_engines::search::{
    AuditSearch, Projects, Search, SearchError, SearchWrite, SessionSearch, WriteOutcome, WriteRange,
};
use hindsight_engines::secret::Secret;
use hindsight_schemas::documents::{ActivityDocument, AuditDocument};
use hindsight_schemas::ids::{AuditId, BatchId, LogId, Partition, Position, SessionId, Topic};
use hindsight_schemas::templates::IndexFamily;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::proxy::{self, Incoming, answer};
use crate::{servers, tls};

fn options(url: &str) -> ElasticsearchOptions {
    ElasticsearchOptions {
        urls: vec![url.to_owned()],
        replicas: 0,
        ..ElasticsearchOptions::default()
    }
}

/// Each test has a view generation of its own: other indices.
async fn open(view_generation: u32) -> ElasticsearchSearch {
    let options = options(servers::elasticsearch());
    ElasticsearchSearch::open(options, view_generation).await.unwrap()
}

async fn through(url: &str, view_generation: u32) -> ElasticsearchSearch {
    ElasticsearchSearch::open(options(url), view_generation)
        .await
        .unwrap()
}

/// All audit events that can be found.
async fn found(engine: &ElasticsearchSearch) -> u64 {
    engine.refresh().await.unwrap();
    engine.search_audit(search("")).await.unwrap().total
}

/// Straight to the server, as an operator would.
async fn operate(method: reqwest::Method, path: &str, body: impl Into<Option<Value>>) -> Value {
    let url = format!("{}/{path}", servers::elasticsearch());
    let mut request = reqwest::Client::new().request(method, url);
    if let Some(body) = body.into() {
        request = request.json(&body);
    }
    let sent = request.send().await.unwrap();
    let status = sent.status();
    let body: Value = sent.json().await.unwrap();
    assert!(status.is_success(), "{path}: {body}");
    body
}

fn partition() -> Partition {
    Partition {
        topic: Topic::Audit,
        partition: 0,
    }
}

fn position(offset: u64) -> Position {
    Position {
        log_id: LogId(Uuid::from_u128(1)),
        partition: partition(),
        offset,
    }
}

fn range() -> WriteRange {
    WriteRange {
        log_id: LogId(Uuid::from_u128(1)),
        partition: partition(),
        last: 9,
    }
}

/// The eight events of the conformance suite, all of November 2026.
fn documents() -> Vec<AuditDocument> {
    let project = "shop".parse().unwrap();
    events()
        .into_iter()
        .map(|event| event.document(&project))
        .collect()
}

fn creates(documents: Vec<AuditDocument>) -> Vec<SearchWrite> {
    let create = |document| SearchWrite::CreateAudit(Box::new(document));
    documents.into_iter().map(create).collect()
}

fn search(text: &str) -> AuditSearch {
    AuditSearch::new(parse(text, &TimeZone::UTC).unwrap(), Projects::All)
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, SearchError>) -> Refusal {
    match outcome {
        Err(SearchError::Refused(refusal)) => refusal,
        other => panic!("no refusal: {other:?}"),
    }
}

#[tokio::test]
async fn elasticsearch_conforms() {
    conformance::check(&open(1).await).await;
}

#[tokio::test]
async fn another_process_finds_what_was_written_and_repeats_it() {
    let first = open(2).await.write(range(), creates(documents())).await.unwrap();
    assert_eq!(first, vec![WriteOutcome::Created; 8]);
    let engine = open(2).await;
    let again = engine.write(range(), creates(documents())).await.unwrap();
    assert!(again.iter().all(|outcome| matches!(
        outcome,
        WriteOutcome::Exists {
            same_content: true,
            ..
        }
    )));
    assert_eq!(found(&engine).await, 8);
    assert_eq!(engine.written_partitions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_partition_is_noted_once_and_before_its_first_document() {
    let engine = open(16).await;
    assert_eq!(engine.written_partitions().await.unwrap(), []);
    engine.write(range(), creates(documents())).await.unwrap();
    assert_eq!(engine.written_partitions().await.unwrap().len(), 1);
    operate(reqwest::Method::DELETE, "hindsight-positions-g16", None).await;
    engine.write(range(), creates(documents())).await.unwrap();
    let other = open(16).await;
    assert_eq!(other.written_partitions().await.unwrap(), []);
    let path = format!("{}/_block/write", IndexFamily::Audit.pattern(16));
    operate(reqwest::Method::PUT, &path, None).await;
    assert!(other.write(range(), creates(documents())).await.is_err());
    assert_eq!(other.written_partitions().await.unwrap().len(), 1);
}

/// The longest page is read in slices of one moment; the cursor goes on where it ends.
#[tokio::test]
async fn a_generation_is_dropped_and_its_neighbours_stay() {
    for generation in [90, 9000] {
        open(generation)
            .await
            .write(range(), creates(documents()))
            .await
            .unwrap();
    }
    // The second time there is nothing to drop.
    for _ in 0..2 {
        let dropped = ElasticsearchSearch::drop_generation(options(servers::elasticsearch()), 90).await;
        dropped.unwrap();
    }
    let dropped = found(&open(90).await).await;
    assert_eq!((dropped, found(&open(9000).await).await), (0, 8));
}

#[tokio::test]
async fn long_pages_are_whole_and_in_order() {
    let engine = open(3).await;
    let one = &documents()[0];
    let many = (0..2_500u64).map(|number| AuditDocument {
        id: AuditId::from_parts(
            1_795_305_600_000 + number % 50,
            number.to_be_bytes().repeat(2)[6..].try_into().unwrap(),
        ),
        occurred_at_us: one.occurred_at_us + i64::try_from(number % 50).unwrap(),
        position: position(number),
        ..one.clone()
    });
    engine.write(range(), creates(many.collect())).await.unwrap();
    engine.refresh().await.unwrap();
    let first = AuditSearch {
        limit: 2_400,
        ..search("action:policy.update")
    };
    let page = engine.search_audit(first.clone()).await.unwrap();
    assert_eq!((page.hits.len(), page.total), (2_400, 2_500));
    let rest = AuditSearch {
        cursor: page.next.clone(),
        ..first
    };
    let rest = engine.search_audit(rest).await.unwrap();
    assert_eq!((rest.hits.len(), rest.next), (100, None));
    let keys: Vec<_> = page
        .hits
        .iter()
        .chain(&rest.hits)
        .map(|hit| (hit.occurred_at_us, hit.id))
        .collect();
    assert!(
        keys.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first, none twice"
    );
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_only_what_was_left_is_sent_again() {
    let sent: Arc<Mutex<Vec<usize>>> = Arc::default();
    let seen = sent.clone();
    let url = proxy::start(servers::elasticsearch(), move |incoming, upstream| {
        let seen = seen.clone();
        async move {
            if !incoming.is_bulk() {
                return None;
            }
            seen.lock().unwrap().push(lines(&incoming.body) / 2);
            match incoming.number {
                1 => Some(answer(429, BUSY)),
                2 => Some(without_the_first(&incoming, &upstream).await),
                _ => None,
            }
        }
        .boxed()
    })
    .await;
    let outcomes = through(&url, 4)
        .await
        .write(range(), creates(documents()))
        .await
        .unwrap();
    assert_eq!(outcomes, vec![WriteOutcome::Created; 8]);
    assert_eq!(
        sent.lock().unwrap()[..4],
        [1, 8, 8, 1],
        "the first is the note of the partition"
    );
}

const BUSY: &str =
    r#"{"error":{"type":"es_rejected_execution_exception","reason":"queue is full"},"status":429}"#;

fn lines(body: &[u8]) -> usize {
    body.iter().filter(|byte| **byte == b'\n').count()
}

/// Forwards all operations but the first, which is said to be refused by a full queue.
async fn without_the_first(incoming: &Incoming, upstream: &proxy::Upstream) -> axum::response::Response {
    let body = incoming.body.splitn(3, |byte| *byte == b'\n').nth(2).unwrap();
    let rest = Incoming {
        body: body.to_vec().into(),
        ..incoming.clone()
    };
    let (status, body) = upstream.forward(&rest).await;
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    let busy: Value = serde_json::from_str(BUSY).unwrap();
    let item = json!({ "create": { "status": 429, "error": busy["error"] } });
    body["errors"] = true.into();
    body["items"].as_array_mut().unwrap().insert(0, item);
    answer(status.as_u16(), body.to_string())
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_work_was_done_does_no_harm() {
    let url = proxy::start(servers::elasticsearch(), |incoming, upstream| {
        async move {
            // The first is the note of the partition.
            if !incoming.is_bulk() || incoming.number != 1 {
                return None;
            }
            upstream.forward(&incoming).await;
            Some(answer(502, "bad gateway"))
        }
        .boxed()
    })
    .await;
    let engine = through(&url, 5).await;
    let outcomes = engine.write(range(), creates(documents())).await.unwrap();
    for (outcome, document) in outcomes.iter().zip(documents()) {
        let mine = WriteOutcome::Exists {
            same_content: true,
            position: document.position,
        };
        assert_eq!(*outcome, mine);
    }
    assert_eq!(found(&engine).await, 8);
}

#[tokio::test]
async fn a_bulk_that_is_too_large_is_halved() {
    const MOST: usize = 5_000;
    let url = proxy::start(servers::elasticsearch(), |incoming, _| {
        async move { (incoming.body.len() > MOST).then(|| answer(413, "too large")) }.boxed()
    })
    .await;
    let outcomes = through(&url, 6)
        .await
        .write(range(), creates(documents()))
        .await
        .unwrap();
    assert_eq!(outcomes, vec![WriteOutcome::Created; 8]);
    let mut huge = documents().remove(0);
    huge.text = "word ".repeat(MOST);
    huge.id = AuditId::from_parts(1_795_305_600_000, [9; 10]);
    let error = refusal(through(&url, 6).await.write(range(), creates(vec![huge])).await);
    assert!(
        matches!(error, Refusal::TooLarge { bytes, .. } if bytes > MOST),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time() {
    let url = proxy::start(servers::elasticsearch(), |incoming, _| {
        async move {
            // Behind the note of the partition.
            if incoming.is_bulk() && incoming.number > 0 {
                std::future::pending::<()>().await;
            }
            None
        }
        .boxed()
    })
    .await;
    let options = ElasticsearchOptions {
        request_seconds: 1,
        attempts: 2,
        ..options(&url)
    };
    let engine = ElasticsearchSearch::open(options, 7).await.unwrap();
    let started = std::time::Instant::now();
    let error = engine.write(range(), creates(documents())).await.unwrap_err();
    assert!(
        matches!(&error, SearchError::Engine(words) if words.contains("8 documents")),
        "{error}"
    );
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_key_is_sent_and_one_that_was_revoked_is_named() {
    let revoked = Arc::new(AtomicUsize::new(0));
    let state = revoked.clone();
    let url = proxy::start(servers::elasticsearch(), move |incoming, _| {
        let revoked = state.load(Ordering::SeqCst);
        async move {
            let is_key = incoming.authorization.as_deref() == Some("ApiKey aWQ6c2VjcmV0");
            match revoked {
                0 if is_key => None,
                2 => Some(answer(403, r#"{"error":{"type":"security_exception","reason":"action [indices:data/write/bulk] is unauthorized"}}"#)),
                _ => Some(answer(401, r#"{"error":{"type":"security_exception","reason":"unable to authenticate with provided credentials: api key has been invalidated"}}"#)),
            }
        }
        .boxed()
    })
    .await;
    let keyed = |key: &str| ElasticsearchOptions {
        api_key: Secret::new(key),
        ..options(&url)
    };
    let engine = ElasticsearchSearch::open(keyed("aWQ6c2VjcmV0"), 8).await.unwrap();
    let error = refusal(ElasticsearchSearch::open(keyed("d3Jvbmc="), 8).await);
    assert!(matches!(error, Refusal::Credentials { .. }), "{error}");
    revoked.store(1, Ordering::SeqCst);
    let error = refusal(engine.write(range(), creates(documents())).await);
    assert!(
        error.to_string().contains("has been invalidated") && error.to_string().contains("search.api_key"),
        "{error}"
    );
    revoked.store(2, Ordering::SeqCst);
    let error = refusal(engine.write(range(), creates(documents())).await);
    assert!(matches!(error, Refusal::Right { .. }), "{error}");
    revoked.store(0, Ordering::SeqCst);
    assert_eq!(
        engine.write(range(), creates(documents())).await.unwrap().len(),
        8
    );
}

#[tokio::test]
async fn a_read_only_index_is_named_and_nothing_is_blamed_for_it() {
    let engine = open(9).await;
    engine.write(range(), creates(documents())).await.unwrap();
    let index = "hindsight-audit-g9-2026.11";
    for block in ["write", "read_only_allow_delete"] {
        let set = |value: Value| json!({ format!("index.blocks.{block}"): value });
        operate(
            reqwest::Method::PUT,
            &format!("{index}/_settings"),
            set(true.into()),
        )
        .await;
        let mut other = documents().remove(0);
        other.id = AuditId::from_parts(1_795_305_600_000, [7; 10]);
        let error = refusal(engine.write(range(), creates(vec![other])).await);
        assert!(
            matches!(&error, Refusal::ReadOnly { index: named, .. } if named == index),
            "{error}"
        );
        let error = refusal(ElasticsearchSearch::open(options(servers::elasticsearch()), 9).await);
        assert!(matches!(error, Refusal::ReadOnly { .. }), "{error}");
        refusal(engine.health().await);
        let read = ElasticsearchSearch::open_to_read(options(servers::elasticsearch()), 9).await;
        let found = found(&read.unwrap()).await;
        assert_eq!(found, 8, "whoever only reads is not kept out");
        operate(
            reqwest::Method::PUT,
            &format!("{index}/_settings"),
            set(Value::Null),
        )
        .await;
    }
    assert_eq!(engine.health().await.unwrap().documents, 8);
}

/// Neither a write nor a search may pass over it.
#[tokio::test]
async fn a_closed_index_is_named() {
    let engine = open(10).await;
    engine.write(range(), creates(documents())).await.unwrap();
    let index = "hindsight-audit-g10-2026.11";
    let closed = Refusal::Closed { index: index.into() };
    operate(reqwest::Method::POST, &format!("{index}/_close"), None).await;
    let mut other = documents().remove(0);
    other.id = AuditId::from_parts(1_795_305_600_000, [7; 10]);
    assert_eq!(refusal(engine.write(range(), creates(vec![other])).await), closed);
    assert_eq!(refusal(engine.search_audit(search("")).await), closed);
    let long = AuditSearch {
        limit: 5_000,
        ..search("")
    };
    assert_eq!(refusal(engine.search_audit(long).await), closed);
    assert_eq!(
        refusal(ElasticsearchSearch::open(options(servers::elasticsearch()), 10).await),
        closed
    );
    operate(
        reqwest::Method::POST,
        &format!("{index}/_open?wait_for_active_shards=1"),
        None,
    )
    .await;
    assert_eq!(open(10).await.search_audit(search("")).await.unwrap().total, 8);
}

#[tokio::test]
async fn a_mapping_of_somebody_elses_is_named_and_no_document_is_blamed_for_it() {
    let index = "hindsight-audit-g11-2026.11";
    let engine = open(11).await;
    // Made by hand before the first document, and again after the engine has seen it right.
    for round in 0..2 {
        if round == 1 {
            engine.write(range(), creates(documents())).await.unwrap();
            operate(reqwest::Method::DELETE, index, None).await;
        }
        let by_hand = json!({ "mappings": { "properties": { "action": { "type": "long" } } } });
        let template = "_index_template/hindsight-audit-g11";
        operate(reqwest::Method::DELETE, template, None).await;
        operate(reqwest::Method::PUT, index, by_hand).await;
        let error = refusal(engine.write(range(), creates(documents())).await);
        let Refusal::Mapping {
            index: named, field, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(
            (named.as_str(), field.as_str()),
            (index, "@timestamp"),
            "the first field that is not as it should be"
        );
        let error = refusal(ElasticsearchSearch::open(options(servers::elasticsearch()), 11).await);
        assert!(matches!(error, Refusal::Mapping { .. }), "{error}");
        operate(reqwest::Method::DELETE, index, None).await;
    }
    assert_eq!(
        open(11)
            .await
            .write(range(), creates(documents()))
            .await
            .unwrap()
            .len(),
        8
    );
}

#[tokio::test]
async fn what_the_mapping_cant_read_is_blamed_on_the_document_alone() {
    let url = proxy::start(servers::elasticsearch(), |mut incoming, upstream| {
        async move {
            // The first is the note of the partition.
            if !incoming.is_bulk() || incoming.number != 1 {
                return None;
            }
            // The server is asked to read a text where a number must be.
            let body = String::from_utf8(incoming.body.to_vec()).unwrap();
            incoming.body = body
                .replacen("\"expires_at_s\":4000000000", "\"expires_at_s\":\"never\"", 1)
                .into();
            let (status, body) = upstream.forward(&incoming).await;
            Some(answer(status.as_u16(), body))
        }
        .boxed()
    })
    .await;
    let outcomes = through(&url, 12)
        .await
        .write(range(), creates(documents()))
        .await
        .unwrap();
    let WriteOutcome::Rejected { detail, .. } = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert!(detail.contains("expires_at_s"), "{detail}");
    assert_eq!(outcomes[1..], vec![WriteOutcome::Created; 7]);
}

/// A lane that was asleep creates a batch while its session is erased: one of both sees the other.
#[tokio::test]
async fn a_session_that_is_erased_while_its_batch_is_created_leaves_nothing() {
    erase_during_create(13, false).await;
}

/// As above, but the lane dies before it looks for the marker again: the repeat of its range does.
#[tokio::test]
async fn what_a_dead_lane_created_of_an_erased_session_goes_with_the_repeat() {
    erase_during_create(15, true).await;
}

async fn erase_during_create(view_generation: u32, dies: bool) {
    let eraser = Arc::new(open(view_generation).await);
    let session_id = SessionId::from_parts(1_795_305_600_000, [5; 10]);
    let during = eraser.clone();
    let created = Arc::new(AtomicUsize::new(0));
    let url = proxy::start(servers::elasticsearch(), move |incoming, upstream| {
        let (eraser, created) = (during.clone(), created.clone());
        async move {
            let is_dead = dies && created.load(Ordering::SeqCst) > 0;
            if is_dead {
                return Some(answer(401, "{}"));
            }
            if !incoming.is_bulk() || incoming.number > 0 {
                return None;
            }
            let erase = SearchWrite::EraseSession {
                project: "shop".parse().unwrap(),
                session_id,
            };
            eraser.write(range(), vec![erase]).await.unwrap();
            let (status, body) = upstream.forward(&incoming).await;
            // A reader makes it searchable before anybody looks for the marker.
            eraser.refresh().await.unwrap();
            created.fetch_add(1, Ordering::SeqCst);
            Some(answer(status.as_u16(), body))
        }
        .boxed()
    })
    .await;
    let writes = vec![activity(session_id)];
    let lane = through(&url, view_generation).await;
    let mut outcomes = lane.write(range(), writes.clone()).await;
    if dies {
        refusal(outcomes);
        outcomes = eraser.write(range(), writes).await;
    }
    assert_eq!(outcomes.unwrap(), [WriteOutcome::Erased]);
    let found = eraser.search_sessions(SessionSearch::new("")).await.unwrap();
    assert_eq!(found.hits, []);
}

fn activity(session_id: SessionId) -> SearchWrite {
    let batch = BatchId {
        project: "shop".parse().unwrap(),
        session_id,
        tab: "t".parse().unwrap(),
        seq: 0,
    };
    SearchWrite::CreateActivity(Box::new(ActivityDocument {
        batch,
        urls: Default::default(),
        titles: Default::default(),
        clicked: Default::default(),
        errors: Default::default(),
        references: Vec::new(),
        user_ids: Default::default(),
        first_at_ms: 0,
        last_at_ms: 1,
        received_at_us: 0,
        expires_at_s: 4_000_000_000,
        content_sha256: [0; 32],
        position: position(3),
    }))
}

#[tokio::test]
async fn tls_is_spoken_to_whom_the_authority_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let (url, ca_certificate) = tls::start(servers::elasticsearch(), &folder).await;
    let trusting = ElasticsearchOptions {
        ca_certificate,
        ..options(&url)
    };
    let engine = ElasticsearchSearch::open(trusting, 14).await.unwrap();
    assert_eq!(
        engine.write(range(), creates(documents())).await.unwrap().len(),
        8
    );
    let wary = ElasticsearchOptions {
        attempts: 1,
        ..options(&url)
    };
    let error = ElasticsearchSearch::open(wary, 14).await.unwrap_err();
    assert!(
        matches!(&error, SearchError::Engine(words) if words.contains("certificate")),
        "{error}"
    );
}

#[tokio::test]
async fn settings_that_cant_be_used_are_named() {
    let with = |url: &str| ElasticsearchOptions {
        urls: vec![url.into()],
        ..ElasticsearchOptions::default()
    };
    let no_nodes = ElasticsearchOptions {
        urls: Vec::new(),
        ..ElasticsearchOptions::default()
    };
    let no_file = ElasticsearchOptions {
        ca_certificate: "/nowhere/ca.pem".into(),
        ..ElasticsearchOptions::default()
    };
    let bad_key = ElasticsearchOptions {
        api_key: Secret::new("two words"),
        ..ElasticsearchOptions::default()
    };
    for (options, named) in [
        (no_nodes, "search.urls is empty"),
        (with("ftp://host"), "use http or https"),
        (with("http://u:secret@host"), "search.password"),
        (no_file, "search.ca_certificate /nowhere/ca.pem"),
        (bad_key, "search.api_key"),
    ] {
        let error = ElasticsearchSearch::open(options, 1).await.unwrap_err();
        assert!(matches!(error, SearchError::Settings(_)), "{error:?}");
        assert!(
            error.to_string().contains(named) && !error.to_string().contains("secret@"),
            "{error}"
        );
    }
    let nobody = ElasticsearchOptions {
        attempts: 1,
        ..with("http://127.0.0.1:1")
    };
    let error = ElasticsearchSearch::open(nobody, 1).await.unwrap_err();
    assert!(
        matches!(&error, SearchError::Engine(words) if words.contains("refused")),
        "{error}"
    );
}
