//! By roles over real engines: who must not be at work meanwhile, and what goes on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use hindsight_chaos::engines::{Settings, own_elasticsearch};
use hindsight_chaos::installation::{Installation, free_address};

use super::*;

/// Starts one over real engines that stands still before its switch, for as long as another one takes to be refused.
fn rebuild_begun(folder: &Path, config: &str, view: &str) -> Child {
    let mut process = Command::new(env!("CARGO_BIN_EXE_hindsight"))
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .args(["rebuild", view, "--config", config])
        .env("FAILPOINTS", "rebuild-switch=sleep(8000)")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut before = Vec::new();
    let mut lines = said
        .by_ref()
        .map_while(Result::ok)
        .inspect(|line| before.push(line.clone()));
    let switches = lines.any(|line| line.starts_with("switching"));
    assert!(switches, "{view} never came to its switch: {before:?}");
    std::thread::spawn(move || said.for_each(drop));
    process
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_real_engines_nobody_may_make_views_meanwhile() {
    let folder = tempfile::tempdir().unwrap().keep();
    let clickhouse = ClickHouse::start(&folder.join("clickhouse"));
    let mut settings = Settings::of_engines(&format!("t{:x}", fastrand::u64(..)), &clickhouse.url);
    // Other tests write to the one that is shared.
    let own = own_elasticsearch(&folder, &mut settings);
    settings
        .set("log", "session_timeout_ms", "10000")
        .set("replay", "close_after_seconds", "1");
    let installation = Installation::new(&folder, &mut settings);
    let (edge, reads) = (free_address(), free_address());
    let ingest = installation.start("ingest", &edge, &[]).await;
    let mut process = installation.start("process", "", &[]).await;
    let door = free_address();
    let doors = ["--clickhouse-listen", &door];
    let serve = installation.start("serve", &reads, &doors).await;
    let mut writers = [Writer::new(0, SEED)];
    let edge = format!("http://{edge}");
    for _ in 0..3 {
        assert!(writers[0].send_both(&edge, &installation.write_key).await);
    }
    let reader = Reader {
        url: format!("http://{reads}"),
        admin_token: installation.admin_token.clone(),
    };
    oracle::check(&reader, &writers).await;
    until_closed(&reader, 1).await;

    let config = installation.config.to_str().unwrap();
    let rebuild = |view: &str| hindsight(&folder, &["rebuild", view, "--config", config]);
    let busy = rebuild("replay-index");
    assert_eq!(busy.status.code(), Some(1), "{}", words(&busy));
    assert!(
        words(&busy).contains("stop every `hindsight process`"),
        "{}",
        words(&busy)
    );
    installation.drain(&mut process).await.unwrap();
    let statements = ["batches", "events", "audit", "segments", "sessions"]
        .map(|table| format!("SELECT * FROM {table} ORDER BY ALL"));
    let before = dump(&reader, &statements).await;
    for view in ["replay-index", "analytics"] {
        let mut running = rebuild_begun(&folder, config, view);
        // One that is at work keeps the next one away, and comes to its end.
        let second = rebuild(view);
        assert_eq!(second.status.code(), Some(1), "{}", words(&second));
        assert!(
            words(&second).contains("another `hindsight rebuild`"),
            "{}",
            words(&second)
        );
        loop {
            let found = dump(&reader, &statements).await;
            assert_eq!(found, before, "served while and after {view} is rebuilt");
            if let Some(ended) = running.try_wait().unwrap() {
                assert!(ended.success(), "{view} ended with {ended}");
                break;
            }
        }
        assert_eq!(dump(&reader, &statements).await, before);
    }
    let search = &own.exports["ELASTICSEARCH_URL"];
    // An index that can't be written any more is compared all the same.
    let blocked = reqwest::Client::new()
        .put(format!("{search}/hindsight-audit-g1-*/_settings"))
        .header("content-type", "application/json")
        .body(r#"{"index.blocks.write": true}"#);
    assert!(blocked.send().await.unwrap().status().is_success());
    let output = rebuild("search");
    assert!(output.status.success(), "{}", words(&output));
    let said = words(&output);
    assert!(
        said.contains("3 audit events") && !said.contains("not compared"),
        "{said}"
    );
    // What serves follows: the replaced indices are of no use to it.
    for family in ["audit", "activity"] {
        let found = reqwest::get(format!("{search}/_cat/indices/hindsight-{family}-g1-*?h=index"));
        for index in found.await.unwrap().text().await.unwrap().lines() {
            let dropped = reqwest::Client::new().delete(format!("{search}/{index}"));
            assert!(dropped.send().await.unwrap().status().is_success(), "{index}");
        }
    }
    oracle::check(&reader, &writers).await;
    let told = hindsight(&folder, &["jobs", "--config", config]);
    assert!(words(&told).contains("rebuild analytics"), "{}", words(&told));

    let _process = installation.start("process", "", &[]).await;
    assert!(writers[0].send_both(&edge, &installation.write_key).await);
    oracle::check(&reader, &writers).await;
    assert_eq!(found_sessions(&reader).await, 1);
    drop((ingest, serve, own));
    std::fs::remove_dir_all(&folder).unwrap();
}
