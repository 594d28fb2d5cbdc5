//! The real engines, each started once for this test binary and ended with it, and settings files that name them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::server::libchdb;

/// What the starts said.
pub(crate) type Exports = HashMap<String, String>;

/// Servers that run until the tests end: `infra/dev/hold` ends them when the pipe to it closes.
struct Held {
    exports: Exports,
    _held: (Child, ChildStdin),
}

/// Kafka, Elasticsearch and an S3 gateway.
pub(crate) fn engines() -> &'static Exports {
    static HELD: OnceLock<Held> = OnceLock::new();
    &HELD
        .get_or_init(|| {
            hold(
                "kafka,elasticsearch,s3",
                &[("KAFKA_JVM", "-XX:TieredStopAtLevel=1")],
            )
        })
        .exports
}

/// An S3 gateway that refuses all writes.
pub(crate) fn read_only_s3() -> &'static Exports {
    static HELD: OnceLock<Held> = OnceLock::new();
    &HELD.get_or_init(|| hold("s3", &[("S3_READ_ONLY", "1")])).exports
}

fn hold(only: &str, environment: &[(&str, &str)]) -> Held {
    let state = tempfile::Builder::new()
        .prefix("hindsight-real-")
        .tempdir()
        .unwrap()
        .keep();
    let hold = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/dev/hold");
    let mut command = Command::new(hold);
    command
        .args(["--only", only])
        .arg(&state)
        .envs(environment.iter().copied());
    let (child, stdin, mut lines) = spawn(command);
    let said: Vec<String> = lines.by_ref().take_while(|line| line != "ready").collect();
    let exports = said
        .iter()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    let exports: Exports = exports.map(|(name, value)| (name.into(), value.into())).collect();
    assert!(
        !exports.is_empty(),
        "{only} did not start; see {}",
        state.display()
    );
    Held {
        exports,
        _held: (child, stdin),
    }
}

fn spawn(mut command: Command) -> (Child, ChildStdin, impl Iterator<Item = String>) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let stdin = child.stdin.take().expect("it was piped");
    let lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
    (child, stdin, lines.map_while(Result::ok))
}

/// A ClickHouse server: the embedded one, alone on a folder. It ends when it is dropped.
pub(crate) struct ClickHouse {
    pub(crate) url: String,
    _held: (Child, ChildStdin),
}

/// The password of [`ClickHouse`].
pub(crate) const CLICKHOUSE_PASSWORD: &str = "clickhouse, secret";

impl ClickHouse {
    pub(crate) fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hindsight"));
        command
            .args(["clickhouse", "--die-with-parent", "--data-dir"])
            .arg(data)
            .arg("--libchdb")
            .arg(libchdb())
            .env("HINDSIGHT_CLICKHOUSE_PASSWORD", CLICKHOUSE_PASSWORD);
        let (child, stdin, mut lines) = spawn(command);
        let ready = lines.next().expect("it says where it listens");
        let ready: Value = serde_json::from_str(&ready).unwrap();
        Self {
            url: format!("http://{}/", ready["listen"].as_str().unwrap()),
            _held: (child, stdin),
        }
    }
}

/// A settings file in the making: a section's keys as they stand in it.
#[derive(Default)]
pub(crate) struct Settings(Vec<(String, String, String)>);

impl Settings {
    /// Of an installation that shares these engines, under a name of its own.
    pub(crate) fn of_engines(name: &str, clickhouse_url: &str) -> Self {
        let engines = engines();
        let mut settings = Self::default();
        settings
            .set("server", "start_wait_seconds", "60")
            .set("log", "kind", "\"kafka\"")
            .text("log", "brokers", &engines["KAFKA_BROKERS"])
            .text("log", "prefix", &format!("{name}."))
            .set("log", "replication", "1")
            .set("log", "min_insync", "1")
            .set("clickhouse", "kind", "\"server\"")
            .text("clickhouse", "url", clickhouse_url)
            .text("clickhouse", "password", CLICKHOUSE_PASSWORD)
            .set("search", "kind", "\"elasticsearch\"")
            .set("search", "urls", &format!("[{:?}]", engines["ELASTICSEARCH_URL"]))
            .set("search", "replicas", "0")
            .set("segments", "kind", "\"s3\"")
            .text("segments", "endpoint", &engines["S3_ENDPOINT"])
            .text("segments", "access_key", &engines["S3_KEY"])
            .text("segments", "secret_key", &engines["S3_SECRET"])
            .text("segments", "prefix", name);
        settings
    }

    /// Sets a key to a value as TOML has it; the last one counts.
    pub(crate) fn set(&mut self, section: &str, name: &str, value: &str) -> &mut Self {
        self.0
            .retain(|(in_section, known, _)| (in_section.as_str(), known.as_str()) != (section, name));
        self.0.push((section.into(), name.into(), value.into()));
        self
    }

    /// Sets a key to a text.
    pub(crate) fn text(&mut self, section: &str, name: &str, value: &str) -> &mut Self {
        self.set(section, name, &format!("{value:?}"))
    }

    /// Writes the file.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let mut sections: Vec<&str> = self.0.iter().map(|(section, ..)| section.as_str()).collect();
        sections.sort_unstable();
        sections.dedup();
        let mut text = String::new();
        for section in sections {
            writeln!(text, "[{section}]").unwrap();
            for (_, name, value) in self.0.iter().filter(|(of, ..)| of == section) {
                writeln!(text, "{name} = {value}").unwrap();
            }
        }
        let path = folder.join("hindsight.toml");
        std::fs::write(&path, text).unwrap();
        path
    }
}
