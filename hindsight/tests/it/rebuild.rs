//! `hindsight rebuild` as operators run it: what comes out is what was there, whenever it was killed before; and it is
//! refused where something would be lost.

mod over_roles;
mod refusals;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use hindsight_chaos::engines::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, ClickHouse, libchdb};
use hindsight_chaos::load::Writer;
use hindsight_chaos::oracle;
use hindsight_chaos::reader::Reader;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use serde_json::Value;

use crate::server::{Server, closing_after, command, start, until_closed};
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

/// Starts one that dies at a step, which it passes so often before.
fn killed_at(folder: &Path, view: &str, step: &str, passes: u32) {
    let output = Command::new(env!("CARGO_BIN_EXE_hindsight"))
        .current_dir(folder)
        .args(arguments(view, libchdb().to_str().unwrap()))
        .env_remove("HINDSIGHT_CONFIG")
        .env("FAILPOINTS", format!("{step}={passes}*off->return(die)"))
        .output()
        .unwrap();
    let signal = output.status.signal();
    assert!(
        signal.is_some(),
        "{view} never came to {step}: {}",
        words(&output)
    );
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
    start(closing_after(close_after_s, data), data).await
}

/// Waits until the server of a folder has said so.
async fn until_logged(data: &Path, said: &str) {
    let (log, started) = (data.with_extension("log"), Instant::now());
    while !std::fs::read_to_string(&log).unwrap().contains(said) {
        assert!(started.elapsed() < WITHIN, "it never said: {said}");
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
    until_closed(&running, 2).await;
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
    let mut killed = 0;
    for step in [
        "rebuild-insert",
        "rebuild-compare",
        "rebuild-rename",
        "rebuild-exchange",
    ] {
        killed_at(&folder, "replay-index", step, 0);
        killed += 1;
    }
    rebuilt(&folder, "replay-index");
    let altered = "ALTER TABLE hindsight_g1.recorder_events DROP COLUMN text";
    on_tables(&data, &[altered.into()]).await;
    for (step, passes) in [
        ("rebuild-log", 1),
        ("rebuild-compare", 0),
        ("rebuild-rename", 0),
        ("rebuild-exchange", 0),
        ("rebuild-exchange", 1),
        ("rebuild-exchange", 3),
    ] {
        killed_at(&folder, "analytics", step, passes);
        killed += 1;
    }
    let said = rebuilt(&folder, "analytics");
    assert!(
        said.contains("0 batches of objects") && said.contains("0 sessions can't be read"),
        "{said}"
    );
    std::fs::remove_dir_all(data.join("search")).unwrap();
    for (step, passes) in [("rebuild-log", 1), ("rebuild-compare", 0), ("rebuild-switch", 0)] {
        killed_at(&folder, "search", step, passes);
        killed += 1;
    }
    let said = rebuilt(&folder, "search");
    assert!(said.contains("0 batches of objects"), "{said}");
    let databases =
        "SELECT countIf(name LIKE '%filling%'), countIf(name LIKE '%replaced%') > 1 FROM system.databases";
    assert_eq!(on_tables(&data, &[databases.into()]).await.trim(), "0\t1");
    // What a rebuild leaves that nobody begins anew.
    let left = "CREATE DATABASE hindsight_g1_filling_1";
    on_tables(&data, &[left.into()]).await;
    std::fs::create_dir(data.join("search-g3")).unwrap();

    let mut command = command(&[], &data);
    command
        .env("HINDSIGHT_LIFECYCLE__GRACE_SECONDS", "1")
        .env("HINDSIGHT_LIFECYCLE__INTERVAL_SECONDS", "1");
    let mut running = start(command, &data).await;
    assert_eq!(dump(&running, &statements).await, before);
    oracle::check(&running, &writers).await;
    assert_eq!(found_sessions(&running).await, 3);
    let started = Instant::now();
    while data.join("search").exists() || data.join("search-g3").exists() {
        assert!(
            started.elapsed() < WITHIN,
            "what was replaced, or left, is dropped after the grace"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told = jobs(&folder);
    let done: Vec<_> = told.iter().filter(|job| job["state"] == "done").collect();
    assert!(told.len() == killed + 3 && done.len() == 3, "{told:?}");
    let last = told.last().unwrap();
    assert_eq!(last["kind"], "rebuild search");
    assert!(last["words"].as_str().unwrap().contains("records of the log"));
    until_logged(&data, "what rebuilds left is dropped").await;
    assert_eq!(running.stop(), Some(0));
    let ids = |jobs: &[Value]| jobs.iter().map(|job| job["id"].clone()).collect::<Vec<_>>();
    assert_eq!(
        ids(&jobs(&folder)),
        ids(&told),
        "the folder says what the process said"
    );
    let left = "SELECT count() FROM system.databases WHERE name LIKE 'hindsight_g1_%'";
    assert_eq!(on_tables(&data, &[left.into()]).await.trim(), "0");
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
    until_closed(&running, 2).await;
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
    let mut command = command(&[], &data);
    command.env("HINDSIGHT_LIFECYCLE__INTERVAL_SECONDS", "1");
    let mut running = start(command, &data).await;
    assert_eq!(dump(&running, &statements).await, before);
    assert_eq!(found_sessions(&running).await, 1);
    for table in ["batches", "events", "segments", "sessions"] {
        let of_erased = format!(
            "SELECT count() FROM {table} WHERE session_id = '{}'",
            writers[1].session
        );
        assert_eq!(running.sql(&of_erased).await.unwrap().trim(), "0", "{table}");
    }
    until_logged(&data, "lifecycle removed what nobody needs").await;
    assert_eq!(running.stop(), Some(0));
    let in_copies = format!(
        "SELECT count(), countIf(session_id = '{}') FROM merge(REGEXP('^hindsight_g1_replaced_'), '^segments$')",
        writers[1].session
    );
    let found = on_tables(&data, &[in_copies]).await;
    assert!(
        found.trim().ends_with("\t0") && !found.starts_with('0'),
        "what is erased goes from the copies: {found}"
    );
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
    // A table that is lost stays so, and a start says so, until a rebuild has filled it.
    let mut lost = truncated(&["recorder_events", "sessions"]);
    lost.push("DROP TABLE hindsight_g1.batches SYNC".into());
    on_tables(&data, &lost).await;
    assert_eq!(rebuild(&folder, "analytics").status.code(), Some(1));
    let there = "EXISTS TABLE hindsight_g1.batches";
    assert_eq!(on_tables(&data, &[there.into()]).await.trim(), "0");
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
