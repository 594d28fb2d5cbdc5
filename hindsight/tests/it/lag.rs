//! `hindsight lag` as operators run it: of a process, of its folder, of Kafka.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use hindsight_chaos::engines::{ClickHouse, Settings};
use hindsight_chaos::installation::{Installation, free_address};
use hindsight_chaos::load::Writer;
use serde_json::Value;

use crate::server::{command, start};
use crate::{hindsight, words};

const SEED: u64 = 0x1a6;
const DONE_WITHIN: Duration = Duration::from_secs(60);
/// Views times partitions of the topics that each reads.
const LANES: usize = 5 * 8;

fn lag(folder: &Path, arguments: &[&str]) -> Output {
    hindsight(folder, &[&["lag", "--json"], arguments].concat())
}

fn lanes(output: &Output) -> Vec<Value> {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(output)))
}

fn sum(lanes: &[Value], of: &str) -> u64 {
    lanes.iter().map(|lane| lane[of].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_process_is_asked_and_then_its_folder() {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = folder.join("data");
    let nothing = lag(&folder, &["--data-dir", data.to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(2), "{}", words(&nothing));
    assert!(words(&nothing).contains("--data-dir"), "{}", words(&nothing));
    assert!(!data.exists(), "asking makes no folder");

    let mut server = start(command(&[], &data), &data).await;
    let mut writer = Writer::new(0, SEED);
    assert!(writer.send_both(&server.url, &server.write_key).await);
    let asked = ["--data-dir", data.to_str().unwrap(), "--max-age", "60"];
    let started = Instant::now();
    let done = loop {
        let output = lag(&folder, &asked);
        assert!(output.status.success(), "{}", words(&output));
        let found = lanes(&output);
        assert_eq!(found.len(), LANES);
        if sum(&found, "end") > 0 && sum(&found, "behind") == 0 {
            break found;
        }
        assert!(started.elapsed() < DONE_WITHIN, "{found:?}");
    };
    assert!(done.iter().all(|lane| lane["age_ms"].is_null()), "{done:?}");

    let stranger = reqwest::get(format!("{}/operations/lag", server.url))
        .await
        .unwrap();
    assert_eq!(stranger.status(), 401, "the admin token is asked for");
    let wrong = lag(
        &folder,
        &[
            "--data-dir",
            data.to_str().unwrap(),
            "--url",
            "http://127.0.0.1:9",
        ],
    );
    assert_eq!(wrong.status.code(), Some(1));
    assert!(words(&wrong).contains("--url"), "{}", words(&wrong));

    assert_eq!(server.stop(), Some(0));
    let output = lag(&folder, &asked);
    assert_eq!(lanes(&output), done, "the folder says what the process said");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn kafka_is_asked_and_a_limit_is_judged() {
    let folder = tempfile::tempdir().unwrap().keep();
    let clickhouse = ClickHouse::start(&folder.join("clickhouse"));
    let mut settings = Settings::of_engines(&format!("t{:x}", fastrand::u64(..)), &clickhouse.url);
    let installation = Installation::new(&folder, &mut settings);
    let config = ["--config", installation.config.to_str().unwrap()];
    let early = lag(&folder, &config);
    assert_eq!(early.status.code(), Some(6), "{}", words(&early));

    let edge = free_address();
    let ingest = installation.start("ingest", &edge, &[]).await;
    let fresh = lag(&folder, &[&config[..], &["--max-age", "0"]].concat());
    assert!(fresh.status.success(), "{}", words(&fresh));
    let mut writer = Writer::new(0, SEED);
    assert!(
        writer
            .send_both(&format!("http://{edge}"), &installation.write_key)
            .await
    );
    let behind = lag(&folder, &[&config[..], &["--max-age", "0"]].concat());
    assert_eq!(behind.status.code(), Some(8), "{}", words(&behind));
    assert!(words(&behind).contains("--max-age 0"), "{}", words(&behind));
    let found = lanes(&behind);
    // A batch waits for three views, an audit event for two.
    assert_eq!(sum(&found, "behind"), 5, "{found:?}");
    let waiting: Vec<_> = found.iter().filter(|lane| lane["behind"] != 0).collect();
    assert!(waiting.iter().all(|lane| lane["age_ms"].is_u64()), "{waiting:?}");
    drop((ingest, clickhouse));
    std::fs::remove_dir_all(&folder).unwrap();
}
