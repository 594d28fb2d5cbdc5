//! `hindsight rebuild` as operators run it: what comes out is what was there, whenever it was killed before; and it is
//! refused where something would be lost.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use hindsight_chaos::engines::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, ClickHouse, Held, Settings, libchdb};
use hindsight_chaos::installation::{Installation, free_address};
use hindsight_chaos::load::Writer;
use hindsight_chaos::oracle;
use hindsight_chaos::reader::Reader;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use serde_json::Value;

use crate::server::{Server, command, start};
use crate::{hindsight, words};

const SEED: u64 = 0x4eb;
const WITHIN: Duration = Duration::from_secs(60);
const ANALYTICS: [&str; 4] = ["batches", "recorder_events", "audit_events", "sessions"];

fn arguments<'a>(view: &'a str, libchdb: &'a str) -> [&'a str; 6] {
    ["rebuild", view, "--data-dir", "data", "--libchdb", libchdb]
}

fn rebuild(folder: &Path, view: &str) -> Output {
    hindsight(folder, &arguments(view, libchdb().to_str().unwrap()))
}

fn rebuilt(folder: &Path, view: &str) -> String {
    let output = rebuild(folder, view);
    assert!(output.status.success(), "{}", words(&output));
    words(&output)
}

/// Starts one and kills it as soon as it says that it has come to this part; it may have come further.
fn killed_at(folder: &Path, view: &str, part: &str) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_hindsight"))
        .current_dir(folder)
        .args(arguments(view, libchdb().to_str().unwrap()))
        .env_remove("HINDSIGHT_CONFIG")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(
        said.any(|line| line.starts_with(part)),
        "{view} never came to {part}"
    );
    process.kill().unwrap();
    process.wait().unwrap();
}

/// Statements on the tables themselves, while nothing else runs on the folder.
pub(crate) async fn on_tables(data: &Path, statements: &[String]) -> String {
    let clickhouse = ClickHouse::start(&data.join("clickhouse"));
    let mut said = String::new();
    for statement in statements {
        let request = reqwest::Client::new()
            .post(&clickhouse.url)
            .basic_auth(CLICKHOUSE_USER, Some(CLICKHOUSE_PASSWORD))
            .body(statement.clone());
        let answer = request.send().await.unwrap();
        let status = answer.status();
        said = answer.text().await.unwrap();
        assert!(status.is_success(), "{statement}: {said}");
    }
    said
}

fn truncated(tables: &[&str]) -> Vec<String> {
    let statement = |table| format!("TRUNCATE TABLE hindsight_g1.{table}");
    tables.iter().map(statement).collect()
}

async fn server(data: &Path, close_after_s: u32) -> Server {
    let mut command = command(&[], data);
    command.env("HINDSIGHT_REPLAY__CLOSE_AFTER_SECONDS", close_after_s.to_string());
    start(command, data).await
}

pub(crate) async fn until(server: &Reader, statement: &str, expected: &str) {
    let started = Instant::now();
    loop {
        let found = server.sql(statement).await;
        if found.as_deref().map(str::trim) == Ok(expected) {
            return;
        }
        assert!(
            started.elapsed() < WITHIN,
            "{statement}: {found:?}, not {expected}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn dump(server: &Reader, statements: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for statement in statements {
        found.push(server.sql(statement).await.unwrap());
    }
    found
}

/// Sessions that are found by a word of the pages that were visited.
async fn found_sessions(server: &Reader) -> usize {
    let found = server.get("/v1/sessions?q=shop").await.unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    found["items"].as_array().unwrap().len()
}

fn jobs(folder: &Path) -> Vec<Value> {
    let output = hindsight(folder, &["jobs", "--json", "--data-dir", "data"]);
    assert!(output.status.success(), "{}", words(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sends some batches of each writer, and audit events where wanted.
async fn send(server: &Server, writers: &mut [Writer], batches: usize, with_audit: bool) {
    for writer in writers {
        for _ in 0..batches {
            let sent = if with_audit {
                writer.send_both(&server.url, &server.write_key).await
            } else {
                writer.send_batch(&server.url, &server.write_key).await
            };
            assert!(sent);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rebuilt_is_what_was_there_whenever_it_was_killed_before() {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = folder.join("data");
    let nothing = rebuild(&folder, "replay-index");
    assert_eq!(nothing.status.code(), Some(2), "{}", words(&nothing));

    // One session that is closed, one with a late batch, one that is open.
    let mut running = server(&data, 1).await;
    let mut writers: Vec<Writer> = (0..3).map(|number| Writer::new(number, SEED)).collect();
    send(&running, &mut writers[..2], 3, true).await;
    until(
        &running,
        "SELECT count() FROM sessions WHERE state = 'complete'",
        "2",
    )
    .await;
    assert_eq!(running.stop(), Some(0));
    let mut running = server(&data, 3600).await;
    send(&running, &mut writers[1..], 2, true).await;
    oracle::check(&running, &writers).await;
    let mut statements: Vec<String> = ["batches", "events", "audit", "segments"]
        .iter()
        .map(|table| format!("SELECT * FROM {table} ORDER BY ALL"))
        .collect();
    statements.push(format!(
        "SELECT * FROM sessions WHERE session_id = '{}'",
        writers[0].session
    ));
    let before = dump(&running, &statements).await;
    let in_use = rebuild(&folder, "replay-index");
    assert_eq!(in_use.status.code(), Some(3), "{}", words(&in_use));
    assert_eq!(running.stop(), Some(0));

    let mut lost = truncated(&ANALYTICS);
    lost.push("DROP TABLE hindsight_g1.segments".into());
    on_tables(&data, &lost).await;
    for part in ["flush objects", "switching"] {
        killed_at(&folder, "replay-index", part);
    }
    rebuilt(&folder, "replay-index");
    let altered = "ALTER TABLE hindsight_g1.recorder_events DROP COLUMN text";
    on_tables(&data, &[altered.into()]).await;
    for part in ["log", "facts of sessions", "switching"] {
        killed_at(&folder, "analytics", part);
    }
    let said = rebuilt(&folder, "analytics");
    assert!(
        said.contains("0 batches of objects") && said.contains("0 sessions can't be read"),
        "{said}"
    );
    std::fs::remove_dir_all(data.join("search")).unwrap();
    for part in ["log", "switching"] {
        killed_at(&folder, "search", part);
    }
    let said = rebuilt(&folder, "search");
    assert!(said.contains("0 batches of objects"), "{said}");
    let databases =
        "SELECT countIf(name LIKE '%filling%'), countIf(name LIKE '%replaced%') > 1 FROM system.databases";
    assert_eq!(on_tables(&data, &[databases.into()]).await.trim(), "0\t1");

    let mut command = command(&[], &data);
    command
        .env("HINDSIGHT_LIFECYCLE__GRACE_SECONDS", "1")
        .env("HINDSIGHT_LIFECYCLE__INTERVAL_SECONDS", "1");
    let mut running = start(command, &data).await;
    assert_eq!(dump(&running, &statements).await, before);
    oracle::check(&running, &writers).await;
    assert_eq!(found_sessions(&running).await, 3);
    let started = Instant::now();
    while data.join("search").exists() {
        assert!(
            started.elapsed() < WITHIN,
            "what was replaced is dropped after the grace"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told = jobs(&folder);
    let done: Vec<_> = told.iter().filter(|job| job["state"] == "done").collect();
    assert!(told.len() == 10 && done.len() >= 3, "{told:?}");
    assert_eq!(told[9]["kind"], "rebuild search");
    assert!(told[9]["words"].as_str().unwrap().contains("records of the log"));
    assert_eq!(running.stop(), Some(0));
    assert_eq!(jobs(&folder), told, "the folder says what the process said");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Retention takes all that the views have passed.
fn forget_the_log(data: &Path) {
    let options = Options {
        retention_age: Duration::ZERO,
        ..Options::default()
    };
    let log = EmbeddedLog::open(&data.join("log"), options).unwrap();
    log.retain().unwrap();
    log.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_forgot_comes_from_objects_and_what_is_erased_does_not() {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = folder.join("data");
    let mut running = server(&data, 1).await;
    let mut writers: Vec<Writer> = (0..2).map(|number| Writer::new(number, SEED)).collect();
    send(&running, &mut writers, 3, false).await;
    until(
        &running,
        "SELECT count() FROM sessions WHERE state = 'complete'",
        "2",
    )
    .await;
    let kept = writers[0].session;
    let statements = [
        format!("SELECT * FROM sessions WHERE session_id = '{kept}'"),
        format!("SELECT * FROM events WHERE session_id = '{kept}' ORDER BY ALL"),
        format!("SELECT * FROM segments WHERE session_id = '{kept}' ORDER BY ALL"),
        format!(
            "SELECT tab, seq, first_at, last_at, received_at, events, keyframe, raw_bytes, level, log_partition, \
             log_offset FROM batches WHERE session_id = '{kept}' ORDER BY ALL"
        ),
    ];
    let before = dump(&running, &statements).await;
    assert_eq!(running.stop(), Some(0));
    forget_the_log(&data);

    // Without the objects it would lose what the tables have.
    let (segments, away) = (data.join("segments"), data.join("segments.away"));
    std::fs::rename(&segments, &away).unwrap();
    let refused = rebuild(&folder, "analytics");
    assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    assert!(
        words(&refused).contains("6 batches of recordings"),
        "{}",
        words(&refused)
    );
    let job = jobs(&folder).pop().unwrap();
    assert_eq!(job["state"], "failed");
    std::fs::remove_dir_all(&segments).unwrap();
    std::fs::rename(&away, &segments).unwrap();

    let erased = segments.join("erased/demo");
    std::fs::create_dir_all(&erased).unwrap();
    std::fs::write(erased.join(writers[1].session.to_string()), []).unwrap();
    on_tables(&data, &truncated(&ANALYTICS)).await;
    let said = rebuilt(&folder, "analytics");
    assert!(said.contains("3 batches of objects"), "{said}");
    rebuilt(&folder, "replay-index");
    std::fs::remove_dir_all(data.join("search")).unwrap();
    let said = rebuilt(&folder, "search");
    assert!(said.contains("3 batches of objects"), "{said}");
    let mut running = server(&data, 3600).await;
    assert_eq!(dump(&running, &statements).await, before);
    assert_eq!(found_sessions(&running).await, 1);
    for table in ["batches", "events", "segments", "sessions"] {
        let of_erased = format!(
            "SELECT count() FROM {table} WHERE session_id = '{}'",
            writers[1].session
        );
        assert_eq!(running.sql(&of_erased).await.unwrap().trim(), "0", "{table}");
    }
    assert_eq!(running.stop(), Some(0));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audit_events_that_the_log_forgot_refuse_a_rebuild_with_their_dates() {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = folder.join("data");
    let mut running = server(&data, 3600).await;
    let mut writers = [Writer::new(0, SEED)];
    send(&running, &mut writers, 2, true).await;
    oracle::check(&running, &writers).await;
    let received = "SELECT toDate(min(received_at)) FROM audit";
    let day = running.sql(received).await.unwrap();
    assert_eq!(running.stop(), Some(0));
    forget_the_log(&data);
    for (view, of) in [("analytics", day.trim()), ("search", "2026-11-22")] {
        let refused = rebuild(&folder, view);
        assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
        for why in ["no archive yet", of] {
            assert!(words(&refused).contains(why), "{why}: {}", words(&refused));
        }
    }
    on_tables(&data, &truncated(&["batches", "recorder_events", "sessions"])).await;
    let libchdb = libchdb();
    let arguments = arguments("analytics", libchdb.to_str().unwrap());
    let arguments = [&arguments[..], &["--keep-audit"]];
    let kept = hindsight(&folder, &arguments.concat());
    assert!(kept.status.success(), "{}", words(&kept));
    let mut running = server(&data, 3600).await;
    oracle::check(&running, &writers).await;
    assert_eq!(running.stop(), Some(0));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_real_engines_nobody_may_make_views_meanwhile() {
    let folder = tempfile::tempdir().unwrap().keep();
    let clickhouse = ClickHouse::start(&folder.join("clickhouse"));
    // Other tests write to the Elasticsearch that is shared.
    let state = folder.join("own");
    std::fs::create_dir_all(&state).unwrap();
    let own = Held::start(&["--only", "elasticsearch"], &state, &[]);
    let mut settings = Settings::of_engines(&format!("t{:x}", fastrand::u64(..)), &clickhouse.url);
    settings
        .set(
            "search",
            "urls",
            &format!("[{:?}]", own.exports["ELASTICSEARCH_URL"]),
        )
        .set("log", "session_timeout_ms", "10000")
        .set("replay", "close_after_seconds", "1");
    let installation = Installation::new(&folder, &mut settings);
    let (edge, reads) = (free_address(), free_address());
    let ingest = installation.start("ingest", &edge, &[]).await;
    let mut process = installation.start("process", "", &[]).await;
    let door = free_address();
    let doors = ["--clickhouse-listen", &door];
    let mut serve = installation.start("serve", &reads, &doors).await;
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
    until(
        &reader,
        "SELECT count() FROM sessions WHERE state = 'complete'",
        "1",
    )
    .await;

    let config = installation.config.to_str().unwrap();
    let rebuild = |view| hindsight(&folder, &["rebuild", view, "--config", config]);
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
        let output = rebuild(view);
        assert!(output.status.success(), "{}", words(&output));
        assert_eq!(
            dump(&reader, &statements).await,
            before,
            "served while and after {view} is rebuilt"
        );
    }
    let output = rebuild("search");
    assert!(output.status.success(), "{}", words(&output));
    assert!(words(&output).contains("3 audit events"), "{}", words(&output));
    oracle::check(&reader, &writers).await;
    let told = hindsight(&folder, &["jobs", "--config", config]);
    assert!(words(&told).contains("rebuild analytics"), "{}", words(&told));

    let _process = installation.start("process", "", &[]).await;
    installation.restart(&mut serve).await.unwrap();
    assert!(writers[0].send_both(&edge, &installation.write_key).await);
    oracle::check(&reader, &writers).await;
    assert_eq!(found_sessions(&reader).await, 1);
    drop((ingest, serve, own));
    std::fs::remove_dir_all(&folder).unwrap();
}
