//! `hindsight dead-letters` as operators run it: what was refused is listed, shown, and sent again once.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use hindsight_chaos::engines::{ClickHouse, Settings, engines};
use hindsight_chaos::installation::{Installation, free_address};
use hindsight_chaos::load::Writer;
use hindsight_chaos::reader::Reader;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_engines::log::kafka::{self, KafkaLog};
use hindsight_engines::log::{EventLog, ReadBounds, StoredRecord};
use hindsight_processors::delivery::Poison;
use hindsight_processors::delivery::dead_letter::dead_letter;
use hindsight_schemas::ids::{AuditId, Partition, Position, Topic};
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Record;
use serde_json::Value;

use crate::server::{Server, command, start};
use crate::{hindsight, words};

const DONE_WITHIN: Duration = Duration::from_secs(60);

const EMBEDDED: [&str; 2] = ["--data-dir", "data"];

fn letters(folder: &Path, arguments: &[&str]) -> Output {
    letters_at(folder, EMBEDDED, arguments)
}

fn letters_at(folder: &Path, place: [&str; 2], arguments: &[&str]) -> Output {
    hindsight(folder, &[&["dead-letters"], arguments, &place].concat())
}

fn list(folder: &Path) -> Vec<Value> {
    list_at(folder, EMBEDDED)
}

fn list_at(folder: &Path, place: [&str; 2]) -> Vec<Value> {
    let output = letters_at(folder, place, &["list", "--json"]);
    assert!(output.status.success(), "{}", words(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["left_out"], &found["strange"]), (&0.into(), &0.into()));
    found["letters"].as_array().unwrap().clone()
}

/// The audit record of the log.
async fn refused(log: &dyn EventLog) -> StoredRecord {
    for partition in 0..log.partitions(Topic::Audit) {
        let topic = Topic::Audit;
        let found = log
            .read(Partition { topic, partition }, 0, ReadBounds::ONE)
            .await
            .unwrap();
        if let Some(record) = found.into_iter().next() {
            return record;
        }
    }
    panic!("no audit event is in the log");
}

/// Puts in the topic what a view would have: an event that no view has, one that can't be read, a twin with other content.
async fn refuse_some(log: &dyn EventLog) {
    let mut record = refused(log).await;
    let Record::Audit(mut event) = Record::decode(record.value.as_ref().unwrap()).unwrap() else {
        panic!("not an audit event");
    };
    let other: AuditId = AuditId::from_parts(event.id.unix_ms().cast_unsigned(), [9; 10]);
    let canonical = String::from_utf8(event.canonical).unwrap();
    let canonical = canonical.replace(&event.id.to_string(), &other.to_string());
    (event.id, event.canonical) = (other, canonical.into_bytes());
    record.value = Some(Record::Audit(event).encode().unwrap().into());
    let poison = |record: &StoredRecord, offset, reason, detail: &str| {
        let poison = Poison {
            position: Position {
                offset,
                ..record.position
            },
            reason,
            detail: detail.into(),
        };
        dead_letter("search", &poison, record)
    };
    let mut unreadable = record.clone();
    unreadable.value = Some(bytes::Bytes::from_static(b"\x1b[2Jnonsense"));
    let made = [
        poison(&record, 1_000, Reason::PoisonBody, "mapper \u{1b}[31m refused it"),
        poison(
            &record,
            1_000,
            Reason::PoisonBody,
            "the same letter, after a crash",
        ),
        poison(&unreadable, 1_001, Reason::PoisonAvro, "not Avro"),
        poison(&record, 1_002, Reason::Conflict, "another came first"),
    ];
    log.append(made.into()).await.unwrap();
}

async fn found(server: &Server) -> u64 {
    let found = server.get("/v1/audit?q=action:policy.update").await.unwrap();
    serde_json::from_str::<Value>(&found).unwrap()["total"]
        .as_u64()
        .unwrap()
}

#[tokio::test]
async fn a_refused_record_is_sent_again_once_and_the_list_says_so() {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = folder.join("data");
    let mut server = start(command(&[], &data), &data).await;
    assert!(
        Writer::new(0, 0xdead)
            .send_both(&server.url, &server.write_key)
            .await
    );
    assert_eq!(list(&folder), Vec::<Value>::new());
    assert_eq!(server.stop(), Some(0));
    let log = EmbeddedLog::open(&data.join("log"), Options::default()).unwrap();
    refuse_some(&log).await;
    log.close();

    // Without a process the folder is opened; with one it is asked: both say the same.
    let waiting = list(&folder);
    let mut server = start(command(&[], &data), &data).await;
    assert_eq!(list(&folder), waiting);
    assert_eq!(
        waiting.len(),
        3,
        "a letter that was written twice is one: {waiting:?}"
    );
    assert!(waiting.iter().all(|letter| letter["state"] == "waiting"));
    let id = |index: usize| waiting[index]["id"].as_str().unwrap();
    assert_eq!(waiting[0]["reason"], "poison_body");

    let shown = letters(&folder, &["show", id(0)]);
    let record: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(record["record"]["event"]["action"], "policy.update");
    for output in [&shown, &letters(&folder, &["list"])] {
        assert!(!output.stdout.contains(&0x1b), "no escape reaches a terminal");
    }

    let refused = letters(&folder, &["resend", id(1), id(2), "0/999"]);
    assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    for why in ["can't be read", "another came first", "no such letter"] {
        assert!(words(&refused).contains(why), "{why}: {}", words(&refused));
    }
    assert_eq!(list(&folder), waiting, "what was refused changed nothing");

    let sent = letters(&folder, &["resend", id(0)]);
    assert!(sent.status.success(), "{}", words(&sent));
    let started = Instant::now();
    while list(&folder)[0]["state"] != "applied" || found(&server).await != 2 {
        assert!(started.elapsed() < DONE_WITHIN, "{:?}", list(&folder));
    }
    let again = letters(&folder, &["resend", id(0)]);
    assert!(words(&again).contains("before"), "{}", words(&again));
    assert_eq!(list(&folder)[0]["state"], "applied");
    let rows = server.sql("SELECT count() FROM audit").await.unwrap();
    assert_eq!(
        (rows.trim(), found(&server).await),
        ("2", 2),
        "once in every view"
    );
    assert_eq!(server.stop(), Some(0));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_kafka_a_refused_record_is_sent_again() {
    let folder = tempfile::tempdir().unwrap().keep();
    let clickhouse = ClickHouse::start(&folder.join("clickhouse"));
    let name = format!("t{:x}", fastrand::u64(..));
    let installation = Installation::new(&folder, &mut Settings::of_engines(&name, &clickhouse.url));
    let (edge, reads) = (free_address(), free_address());
    let _ingest = installation.start("ingest", &edge, &[]).await;
    let _process = installation.start("process", "", &[]).await;
    let _serve = installation
        .start("serve", &reads, &["--clickhouse-listen", &free_address()])
        .await;
    let (mut writer, edge) = (Writer::new(0, 0xdead), format!("http://{edge}"));
    assert!(writer.send_both(&edge, &installation.write_key).await);
    let settings = kafka::Settings {
        brokers: engines()["KAFKA_BROKERS"].clone(),
        prefix: format!("{name}."),
        replication: 1,
        min_insync: 1,
        ..kafka::Settings::default()
    };
    let opened = tokio::task::spawn_blocking(move || KafkaLog::open(settings)).await;
    refuse_some(&opened.unwrap().unwrap()).await;

    let place = ["--config", installation.config.to_str().unwrap()];
    let waiting = list_at(&folder, place);
    assert_eq!(waiting.len(), 3, "{waiting:?}");
    let id = waiting[0]["id"].as_str().unwrap();
    let sent = letters_at(&folder, place, &["resend", id]);
    assert!(sent.status.success(), "{}", words(&sent));
    let reader = Reader {
        url: format!("http://{reads}"),
        admin_token: installation.admin_token.clone(),
    };
    let started = Instant::now();
    // Other tests write to this Elasticsearch too, so that the view has it is told by its commit.
    let rows = || async { reader.sql("SELECT count() FROM audit").await };
    while list_at(&folder, place)[0]["state"] != "applied" || rows().await.as_deref() != Ok("2\n") {
        assert!(started.elapsed() < DONE_WITHIN, "{:?}", list_at(&folder, place));
    }
    let again = letters_at(&folder, place, &["resend", id]);
    assert!(words(&again).contains("before"), "{}", words(&again));
    std::fs::remove_dir_all(&folder).unwrap();
}
