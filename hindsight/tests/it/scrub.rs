//! Views against the log, as the role and the command compare them: what somebody took away behind their backs is named,
//! what may be missing is not.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use hindsight_chaos::engines::libchdb;
use hindsight_chaos::load::Writer;
use hindsight_chaos::oracle;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_engines::log::{EventLog, ReadBounds};
use hindsight_engines::search::Search;
use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
use hindsight_processors::delivery::Poison;
use hindsight_processors::delivery::dead_letter::dead_letter;
use hindsight_schemas::ids::{Offset, Partition, Topic};
use hindsight_schemas::reason::Reason;
use serde_json::{Value, json};

use crate::damage::{flip, stored};
use crate::metrics::value;
use crate::rebuild::on_tables;
use crate::server::{Server, closing_after, start, until_closed};
use crate::{hindsight, words};

const SEED: u64 = 0x5c4b;
const WITHIN: Duration = Duration::from_secs(60);
const BATCHES: usize = 3;
/// What the log of a process says of each loss.
pub(crate) const LOST: &str = "a record of the log is not in a view as promised";

/// A server that closes sessions after so many seconds, and compares every second.
async fn server(data: &Path, close_after_s: u32) -> Server {
    let mut command = closing_after(close_after_s, data);
    command.env("HINDSIGHT_SCRUB__INTERVAL_SECONDS", "1");
    start(command, data).await
}

async fn send(server: &Server, writers: &mut [Writer]) {
    for writer in writers {
        for _ in 0..BATCHES {
            assert!(writer.send_both(&server.url, &server.write_key).await);
        }
    }
}

/// Waits until the metrics of the scrubber meet a condition.
async fn until_told(server: &Server, condition: impl Fn(&dyn Fn(&str, &str) -> f64) -> bool) {
    let started = Instant::now();
    loop {
        let text = server.get("/metrics").await.unwrap();
        let counted = |view: &str, outcome: &str| {
            let series = format!(r#"hindsight_scrub_records_total{{view="{view}",outcome="{outcome}"}}"#);
            value(&text, &series).unwrap_or_default()
        };
        if condition(&counted) {
            return;
        }
        assert!(started.elapsed() < WITHIN, "not told:\n{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A whole pass: its exit code, its losses as `view outcome topic/partition@offset`, and its counts.
pub(crate) fn scrub(folder: &Path, place: &[&str]) -> (Option<i32>, BTreeSet<String>, Value) {
    let output: Output = hindsight(folder, &[&["scrub", "--all", "--json"], place].concat());
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let Some((last, losses)) = lines.split_last() else {
        panic!("{}", words(&output));
    };
    let told = losses.iter().map(|loss| {
        assert!(loss["remedy"].as_str().unwrap().len() > 10, "{loss}");
        let word = |name: &str| loss[name].as_str().unwrap().to_owned();
        let place = format!("{}/{}@{}", word("topic"), loss["partition"], loss["offset"]);
        format!("{} {} {place}", word("view"), word("outcome"))
    });
    (output.status.code(), told.collect(), last["records"].clone())
}

/// Where the row lies in the log that SQL finds.
async fn place(server: &Server, topic: Topic, found: &str) -> (Partition, Offset) {
    let row = server
        .sql(&format!("SELECT log_partition, log_offset FROM {found}"))
        .await
        .unwrap();
    let (partition, offset) = row.trim().split_once('\t').unwrap();
    let partition = partition.parse().unwrap();
    (Partition { topic, partition }, offset.parse().unwrap())
}

fn loss(view: &str, outcome: &str, (partition, offset): (Partition, Offset)) -> String {
    format!("{view} {outcome} {partition}@{offset}")
}

/// The dead letter that a view would have written of this record.
async fn refuse(data: &Path, view: &str, (partition, offset): (Partition, Offset)) {
    let log = EmbeddedLog::open(&data.join("log"), Options::default()).unwrap();
    let record = log
        .read(partition, offset, ReadBounds::ONE)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(record.position.offset, offset);
    let poison = Poison {
        position: record.position,
        reason: Reason::PoisonBody,
        detail: "refused by hand".into(),
    };
    log.append(vec![dead_letter(view, &poison, &record)])
        .await
        .unwrap();
    log.close();
}

fn scrub_folder(folder: &Path) -> (Option<i32>, BTreeSet<String>, Value) {
    let library = libchdb();
    scrub(
        folder,
        &["--data-dir", "data", "--libchdb", library.to_str().unwrap()],
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_is_named_and_what_may_be_missing_is_not() {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = folder.join("data");
    let mut writers: Vec<Writer> = (0..3).map(|number| Writer::new(number, SEED)).collect();
    // One session that lies in one object, and two that are open.
    let mut running = server(&data, 1).await;
    send(&running, &mut writers[..1]).await;
    until_closed(&running, 1).await;
    assert_eq!(running.stop(), Some(0));
    let mut running = server(&data, 3600).await;
    send(&running, &mut writers[1..]).await;
    writers[0].send_twin(&running.url, &running.write_key).await;
    oracle::check(&running, &writers).await;
    until_told(&running, |counted| {
        ["analytics", "search", "replay"]
            .iter()
            .all(|view| counted(view, "found") > 0.0)
    })
    .await;
    until_told(&running, |counted| {
        assert_eq!(
            counted("analytics", "missing") + counted("search", "missing"),
            0.0
        );
        counted("analytics", "twin") > 0.0
    })
    .await;

    let of_batch = |writer: &Writer, seq: usize| {
        format!("batches WHERE session_id = '{}' AND seq = {seq}", writer.session)
    };
    let second = &writers[1];
    let batches = [
        place(&running, Topic::Recordings, &of_batch(second, 0)).await,
        place(&running, Topic::Recordings, &of_batch(second, 1)).await,
        place(&running, Topic::Recordings, &of_batch(second, 2)).await,
    ];
    let of_third = place(&running, Topic::Recordings, &of_batch(&writers[2], 0)).await;
    let event = format!("audit WHERE source_id = '{}'", second.audit[0]);
    let audit = place(&running, Topic::Audit, &event).await;
    let frame = stored(&running, &data, second, 1).await;
    assert_eq!(running.stop(), Some(0));

    let (code, losses, counts) = scrub_folder(&folder);
    assert_eq!((code, losses), (Some(0), BTreeSet::new()), "{counts}");
    let both = json!({"found": 6 * BATCHES, "twin": 1});
    let recordings = json!({"found": 3 * BATCHES, "twin": 1});
    assert_eq!(
        counts,
        json!({"analytics": both, "search": both, "replay": recordings})
    );

    let in_tables = [
        format!(
            "DELETE FROM hindsight_g1.audit_events WHERE source_id = '{}'",
            second.audit[0]
        ),
        format!("DELETE FROM hindsight_g1.{}", of_batch(second, 0)),
        format!(
            "DELETE FROM hindsight_g1.recorder_events WHERE session_id = '{}' AND seq = 2",
            second.session
        ),
        format!(
            "DELETE FROM hindsight_g1.segments WHERE session_id = '{}' AND seq_from = 0",
            writers[2].session
        ),
    ];
    on_tables(&data, &in_tables).await;
    flip(&frame.object, frame.offset + frame.bytes / 2);
    let (code, losses, counts) = scrub_folder(&folder);
    let expected = [
        loss("analytics", "missing", audit),
        loss("analytics", "missing", batches[0]),
        loss("analytics", "missing", batches[2]),
        loss("replay", "unreadable", batches[1]),
        loss("replay", "missing", of_third),
    ];
    assert_eq!((code, losses), (Some(8), BTreeSet::from(expected)), "{counts}");

    // A dead letter and an erasure explain two of them; and now all documents go.
    refuse(&data, "analytics", batches[0]).await;
    let tombstones = data.join("segments/erased/demo");
    std::fs::create_dir_all(&tombstones).unwrap();
    std::fs::write(tombstones.join(writers[2].session.to_string()), []).unwrap();
    let erased = format!(
        "DELETE FROM hindsight_g1.batches WHERE session_id = '{}'",
        writers[2].session
    );
    on_tables(&data, &[erased]).await;
    let index = EmbeddedSearch::open(&data.join("search"), WriterMemory::default()).unwrap();
    while index.expire(i64::from(u32::MAX)).await.unwrap() > 0 {}
    drop(index);
    let (code, losses, counts) = scrub_folder(&folder);
    assert_eq!(code, Some(8));
    let (of_search, losses): (BTreeSet<_>, BTreeSet<_>) =
        losses.into_iter().partition(|loss| loss.starts_with("search "));
    let left = [
        loss("analytics", "missing", audit),
        loss("analytics", "missing", batches[2]),
        loss("replay", "unreadable", batches[1]),
    ];
    assert_eq!(losses, BTreeSet::from(left), "{counts}");
    assert_eq!(of_search.len(), 5 * BATCHES + 1, "{of_search:?}");
    let analytics = json!({"found": 4 * BATCHES, "twin": 1, "erased": BATCHES, "refused": 1, "missing": 2});
    assert_eq!(counts["analytics"], analytics);
    assert_eq!(
        counts["search"],
        json!({"erased": BATCHES, "missing": 5 * BATCHES + 1})
    );

    // The role tells the same, by its metrics and in its log.
    let mut running = server(&data, 3600).await;
    until_told(&running, |counted| counted("search", "missing") > 0.0).await;
    assert_eq!(running.stop(), Some(0));
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    let told = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<Value> = told.filter(|line| line["message"] == LOST).collect();
    assert!(
        told.iter().any(|line| line["view"] == "search"
            && line["remedy"] == "hindsight rebuild search"
            && line["offset"].is_u64()
            && !line["identity"].as_str().unwrap().is_empty()),
        "{told:?}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
