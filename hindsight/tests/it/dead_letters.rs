//! `hindsight dead-letters` as operators run it: what was refused is listed, shown, and sent again once.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use hindsight_chaos::load::Writer;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_engines::log::{EventLog, ReadBounds, StoredRecord};
use hindsight_processors::delivery::Poison;
use hindsight_processors::delivery::dead_letter::dead_letter;
use hindsight_schemas::ids::{AuditId, Partition, Topic};
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Record;
use serde_json::Value;

use crate::server::{Server, command, start};
use crate::{hindsight, words};

const DONE_WITHIN: Duration = Duration::from_secs(60);

fn letters(folder: &Path, arguments: &[&str]) -> Output {
    let place = ["--data-dir", "data"];
    hindsight(folder, &[&["dead-letters"], arguments, &place].concat())
}

fn list(folder: &Path) -> Vec<Value> {
    let output = letters(folder, &["list", "--json"]);
    assert!(output.status.success(), "{}", words(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["left_out"], &found["strange"]), (&0.into(), &0.into()));
    found["letters"].as_array().unwrap().clone()
}

/// The audit record of the log.
async fn refused(log: &EmbeddedLog) -> StoredRecord {
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
async fn refuse_some(data: &Path) {
    let log = EmbeddedLog::open(&data.join("log"), Options::default()).unwrap();
    let mut record = refused(&log).await;
    let Record::Audit(mut event) = Record::decode(record.value.as_ref().unwrap()).unwrap() else {
        panic!("not an audit event");
    };
    let other: AuditId = AuditId::from_parts(event.id.unix_ms().cast_unsigned(), [9; 10]);
    let canonical = String::from_utf8(event.canonical).unwrap();
    let canonical = canonical.replace(&event.id.to_string(), &other.to_string());
    (event.id, event.canonical) = (other, canonical.into_bytes());
    record.value = Some(Record::Audit(event).encode().unwrap().into());
    let poison = |record: &StoredRecord, offset, reason, detail: &str| {
        let mut record = record.clone();
        record.position.offset = offset;
        let detail = detail.into();
        Poison {
            record,
            reason,
            detail,
        }
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
    let made = made.iter().map(|poison| dead_letter("search", poison)).collect();
    log.append(made).await.unwrap();
    log.close();
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
    refuse_some(&data).await;

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
