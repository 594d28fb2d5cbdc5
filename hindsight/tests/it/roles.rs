//! The same binary by roles over Kafka, ClickHouse, Elasticsearch and S3: two ingest, two process, one serve. What is
//! sent is found, each once, also when every role is restarted meanwhile, one after the other.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hindsight_chaos::engines::{ClickHouse, Settings, own_elasticsearch};
use hindsight_chaos::installation::{Installation, READY_WITHIN, free_address};
use hindsight_chaos::load::{Writer, write_until};
use hindsight_chaos::oracle;
use hindsight_chaos::reader::Reader;
use serde_json::Value;

use crate::scrub::{LOST, scrub};
use crate::words;

const SEED: u64 = 0x401e;
const WRITERS: u64 = 3;
/// Between two sends of one writer.
const PAUSE: Duration = Duration::from_millis(20);
/// Load between two restarts.
const BETWEEN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_found_once_by_roles_through_a_rolling_restart() {
    let folder = tempfile::tempdir().unwrap().keep();
    let clickhouse = ClickHouse::start(&folder.join("clickhouse"));
    let mut settings = Settings::of_engines(&format!("t{:x}", fastrand::u64(..)), &clickhouse.url);
    // All documents are counted, and other tests write to the one that is shared.
    let own = own_elasticsearch(&folder, &mut settings);
    settings
        .set("log", "session_timeout_ms", "10000")
        .set("replay", "close_after_seconds", "2")
        .set("lifecycle", "grace_seconds", "4")
        .set("lifecycle", "interval_seconds", "1")
        .set("scrub", "interval_seconds", "1");
    let installation = Installation::new(&folder, &mut settings);
    let edges = [free_address(), free_address()];
    let reads = free_address();
    let mut roles = vec![
        installation.start("ingest", &edges[0], &[]).await,
        installation.start("ingest", &edges[1], &[]).await,
        installation.start("process", "", &[]).await,
        installation
            .start("process", "", &["--only", "analytics,search,replay,lifecycle"])
            .await,
        installation
            .start("serve", &reads, &["--clickhouse-listen", &free_address()])
            .await,
    ];

    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, SEED)).collect();
    let (done, told) = tokio::sync::watch::channel(false);
    let urls = edges.each_ref().map(|edge| format!("http://{edge}"));
    let load = futures::future::join_all(
        writers
            .iter_mut()
            .map(|writer| write_until(writer, &urls, &installation.write_key, PAUSE, told.clone())),
    );
    let rolling = async {
        for role in &mut roles {
            tokio::time::sleep(BETWEEN).await;
            installation.restart(role).await.unwrap();
        }
        tokio::time::sleep(BETWEEN).await;
        done.send(true).unwrap();
    };
    tokio::join!(load, rolling);
    assert!(
        writers.iter().all(|writer| writer.batches.len() > 20),
        "too little load to mean anything"
    );

    let serve = Reader {
        url: format!("http://{reads}"),
        admin_token: installation.admin_token.clone(),
    };
    oracle::check(&serve, &writers).await;
    samples_are_shown(&installation, &urls[0], &serve).await;
    nothing_is_missed(&installation, &folder);
    drop((roles, clickhouse, own));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The sample recordings and audit events come in by one role and are seen by another.
async fn samples_are_shown(installation: &Installation, edge: &str, serve: &Reader) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let sessions_before = count(serve, "SELECT count() FROM sessions").await;
    let output = Command::new(env!("CARGO_BIN_EXE_hindsight"))
        .args(["import", "--url", edge, "--key", &installation.write_key])
        .arg(&samples)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", words(&output));
    let recordings = std::fs::read_dir(samples.join("recordings")).unwrap().count() as u64;
    let audit = std::fs::read_to_string(samples.join("audit.jsonl")).unwrap();
    let actions: BTreeSet<String> = audit
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["action"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let started = Instant::now();
    loop {
        let sessions = count(serve, "SELECT count() FROM sessions").await - sessions_before;
        let found = count(
            serve,
            "SELECT uniqExact(action) FROM audit WHERE source_id NOT LIKE 'crash-%'",
        )
        .await;
        let refunds = serve.get("/v1/audit?q=action:order.refund_line").await.unwrap();
        let refunds: Value = serde_json::from_str(&refunds).unwrap();
        if sessions == recordings && found == actions.len() as u64 && refunds["total"].as_u64() > Some(0) {
            return;
        }
        assert!(
            started.elapsed() < READY_WITHIN,
            "{sessions} of {recordings} sessions, {found} of {} actions; {refunds}",
            actions.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A whole pass over the log finds everything in every view, and samples that were taken all the time gave no alarm.
fn nothing_is_missed(installation: &Installation, folder: &Path) {
    let place = ["--config", installation.config.to_str().unwrap()];
    let (code, losses, counts) = scrub(folder, &place);
    assert_eq!((code, losses), (Some(0), BTreeSet::new()), "{counts}");
    for view in ["analytics", "search", "replay"] {
        assert!(counts[view]["found"].as_u64() > Some(60), "{view}: {counts}");
    }
    let log = std::fs::read_to_string(folder.join("process.log")).unwrap();
    assert!(!log.contains(LOST), "see {}", folder.display());
}

async fn count(serve: &Reader, statement: &str) -> u64 {
    serve.sql(statement).await.unwrap().trim().parse().unwrap()
}
