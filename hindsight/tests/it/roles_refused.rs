//! Engines and settings with which a role can't start: the exit code, both values where there are two, the remedy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use axum::Router;
use axum::http::StatusCode;
use hindsight_chaos::engines::{self, CLICKHOUSE_PASSWORD, ClickHouse, Settings};

use crate::{hindsight, words};

/// What a start that can't be must do: end with this code and say this, soon.
struct Refused {
    code: i32,
    says: &'static [&'static str],
}

/// Longer than any look at an engine, shorter than `server.start_wait_seconds` where a refusal is due at once.
const AT_ONCE_S: u64 = 40;

/// A closed port, for what must not be reached.
pub(crate) fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn settings(folder: &Path) -> Settings {
    let made = hindsight(folder, &["credentials", "new", "--out", "credentials.json"]);
    assert!(made.status.success(), "{}", words(&made));
    let mut settings = Settings::of_engines(
        &format!("t{:x}", fastrand::u64(..)),
        &format!("http://{}", nowhere()),
    );
    let credentials = folder.join("credentials.json").display().to_string();
    settings.text("server", "credentials_file", &credentials);
    settings
}

fn start(role: &[&str], config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hindsight"));
    command
        .args(role)
        .args(["--listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .env_remove("HINDSIGHT_CONFIG");
    command
}

/// Runs a role with these changes to settings that are else as they must be.
async fn check(
    role: &'static [&'static str],
    change: impl FnOnce(&mut Settings) + Send + 'static,
    refused: Refused,
) {
    tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        change(&mut settings);
        ends(start(role, &settings.write(folder.path())), &refused);
    })
    .await
    .unwrap();
}

fn ends(mut command: Command, refused: &Refused) {
    let started = Instant::now();
    let output = command.output().unwrap();
    let told = words(&output);
    assert_eq!(output.status.code(), Some(refused.code), "{told}");
    for part in refused.says {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
    assert!(
        started.elapsed().as_secs() < AT_ONCE_S,
        "it took {:?}: {told}",
        started.elapsed()
    );
}

const fn refused(code: i32, says: &'static [&'static str]) -> Refused {
    Refused { code, says }
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_not_there_are_awaited_and_then_named() {
    let change = |settings: &mut Settings| {
        settings
            .text("log", "brokers", &nowhere())
            .set("server", "start_wait_seconds", "3")
            .set("log", "append_timeout_ms", "2000");
    };
    check(
        &["ingest"],
        change,
        refused(7, &["log was awaited", "log.brokers", "Connection refused"]),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_of_kafka_is_refused_at_once() {
    let change = |settings: &mut Settings| {
        let engines = engines::engines();
        settings
            .text("log", "brokers", &engines["KAFKA_SECURE_BROKERS"])
            .set("log.tls", "enabled", "true")
            .text("log.tls", "ca_file", &engines["KAFKA_CA"])
            .text("log.sasl", "mechanism", "SCRAM-SHA-512")
            .text("log.sasl", "username", "hindsight")
            .text("log.sasl", "password", "wrong-and-secret");
    };
    let says: &[&str] = &["log can't be used", "uthentication failed", "log.sasl"];
    check(&["ingest"], change, refused(6, says)).await;
}

/// A first role makes the topics for small records; the next wants larger ones.
#[tokio::test(flavor = "multi_thread")]
async fn topics_that_take_too_small_messages_are_named_with_both_values() {
    let small = |settings: &mut Settings| {
        settings
            .text("log", "prefix", "small.")
            .set("limits", "record_bytes", "4194304")
            // With an engine that refuses, the role makes its topics and ends.
            .text("segments", "bucket", "nobody-made-it");
    };
    let ends_for_the_bucket = refused(6, &["segments can't be used"]);
    check(&["process", "--only", "replay"], small, ends_for_the_bucket).await;
    let large = |settings: &mut Settings| {
        settings.text("log", "prefix", "small.");
    };
    let says: &[&str] = &[
        "max.message.bytes is 4263936, at least 8458240 is needed",
        "limits.record_bytes",
    ];
    check(&["ingest"], large, refused(6, says)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_lets_us_do_too_little_is_refused_at_once() {
    let role: &[&str] = &["process", "--only", "replay"];
    let gone = |settings: &mut Settings| {
        settings.text("segments", "bucket", "nobody-made-it");
    };
    check(
        role,
        gone,
        refused(
            6,
            &[
                "segments can't be used",
                "bucket does not exist",
                "segments.bucket",
            ],
        ),
    )
    .await;
    let wrong = |settings: &mut Settings| {
        settings.text("segments", "secret_key", "wrong-and-secret");
    };
    check(
        role,
        wrong,
        refused(6, &["segments can't be used", "segments.secret_key"]),
    )
    .await;
    let read_only = |settings: &mut Settings| {
        settings.text("segments", "endpoint", &engines::read_only_s3()["S3_ENDPOINT"]);
    };
    check(
        role,
        read_only,
        refused(
            6,
            &[
                "segments can't be used",
                "grant the key to list, get, put and delete",
            ],
        ),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_of_elasticsearch_is_refused_at_once() {
    const ANSWER: &str = r#"{"error":{"type":"security_exception","reason":"api key has been invalidated"}}"#;
    let app = Router::new().fallback(|| async {
        (
            StatusCode::UNAUTHORIZED,
            [("content-type", "application/json")],
            ANSWER,
        )
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let change = move |settings: &mut Settings| {
        settings
            .set("search", "urls", &format!("[{url:?}]"))
            .text("search", "api_key", "c2VjcmV0");
    };
    let says: &[&str] = &[
        "search can't be used",
        "api key has been invalidated",
        "search.api_key",
    ];
    check(&["process", "--only", "search"], change, refused(6, says)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_of_clickhouse_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data: PathBuf = folder.path().join("clickhouse");
    let clickhouse = tokio::task::spawn_blocking(move || ClickHouse::start(&data))
        .await
        .unwrap();
    let url = clickhouse.url.clone();
    let change = move |settings: &mut Settings| {
        settings.text("clickhouse", "url", &url).text(
            "clickhouse",
            "password",
            &CLICKHOUSE_PASSWORD.to_uppercase(),
        );
    };
    let says: &[&str] = &[
        "clickhouse can't be used",
        "refuses user hindsight",
        "clickhouse.password",
        "grant",
    ];
    check(&["process", "--only", "analytics"], change, refused(6, says)).await;
}

#[test]
fn roles_refuse_engines_that_one_process_has_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    for role in ["ingest", "process", "serve"] {
        let output = hindsight(folder.path(), &[role, "--listen", "127.0.0.1:0"]);
        let told = words(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.contains("log.kind is \"embedded\"") && told.contains("hindsight up"),
            "{told}"
        );
    }
}

#[test]
fn roles_without_keys_are_told_how_to_make_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("h.toml");
    std::fs::write(
        &file,
        "[log]\nkind = \"kafka\"\nbrokers = \"127.0.0.1:1\"\n[segments]\nkind = \"s3\"\n",
    )
    .unwrap();
    let refused = refused(2, &["hindsight credentials new", "server.credentials_file"]);
    let mut command = start(&["ingest"], &file);
    command.current_dir(folder.path());
    ends(command, &refused);
}
