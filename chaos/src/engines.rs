//! The real engines as `infra/dev` starts them, and settings files that name them.
//!
//! **Invariant:** what is started here ends with this process, however that ends: `infra/dev/hold` waits for the pipe to
//! close, ClickHouse likewise.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use hindsight_engines::log::kafka;
use hindsight_engines::secret::Secret;
use hindsight_engines::segments::S3Options;
use serde_json::Value;

use crate::installation::binary;

/// What the starts said.
pub type Exports = HashMap<String, String>;

/// Servers that run until this is dropped, or this process ends.
pub struct Held {
    /// Where they are.
    pub exports: Exports,
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// How the machines of brokers run: they come up sooner.
pub const QUICK_BROKERS: (&str, &str) = ("KAFKA_JVM", "-XX:TieredStopAtLevel=1");

/// Kafka, Elasticsearch and an S3 gateway, once for this process.
pub fn engines() -> &'static Exports {
    static HELD: OnceLock<Held> = OnceLock::new();
    &HELD
        .get_or_init(|| {
            let only = ["--only", "kafka,elasticsearch,s3"];
            Held::start(&only, &state_folder(), &[QUICK_BROKERS])
        })
        .exports
}

/// An Elasticsearch of these settings' own: for who counts all documents, or changes indices. It shares the others.
pub fn own_elasticsearch(folder: &Path, settings: &mut Settings) -> Held {
    let state = folder.join("elasticsearch");
    std::fs::create_dir_all(&state).unwrap();
    let own = Held::start(&["--only", "elasticsearch"], &state, &[]);
    let url = &own.exports["ELASTICSEARCH_URL"];
    settings.set("search", "urls", &format!("[{url:?}]"));
    own
}

/// An S3 gateway that refuses all writes, once for this process.
pub fn read_only_s3() -> &'static Exports {
    static HELD: OnceLock<Held> = OnceLock::new();
    &HELD
        .get_or_init(|| Held::start(&["--only", "s3"], &state_folder(), &[("S3_READ_ONLY", "1")]))
        .exports
}

fn state_folder() -> PathBuf {
    let made = tempfile::Builder::new().prefix("hindsight-real-").tempdir();
    made.unwrap().keep()
}

/// A script or file of `infra/dev`.
pub fn infra_dev(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../infra/dev")
        .join(name)
}

impl Held {
    /// Starts servers with the options of `infra/dev/up`, their state in this folder, and waits until they answer.
    pub fn start(options: &[&str], state: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(infra_dev("hold"));
        command.args(options).arg(state).envs(environment.iter().copied());
        let (child, stdin, mut lines) = spawn(command);
        let said: Vec<String> = lines.by_ref().take_while(|line| line != "ready").collect();
        let exports = said
            .iter()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        let exports: Exports = exports.map(|(name, value)| (name.into(), value.into())).collect();
        assert!(
            !exports.is_empty(),
            "{options:?} did not start; see {}",
            state.display()
        );
        Self {
            exports,
            child,
            stdin: Some(stdin),
        }
    }
}

/// libchdb as the binary would find it for the person who runs this.
pub fn libchdb() -> PathBuf {
    let named = std::env::var_os("HINDSIGHT_LIBCHDB").map(PathBuf::from);
    let place = named.unwrap_or_else(|| {
        let home = std::env::var_os("HOME").unwrap_or_default();
        let cache = std::env::var_os("HINDSIGHT_CACHE")
            .map_or_else(|| Path::new(&home).join(".cache/hindsight"), PathBuf::from);
        cache.join("libchdb/package/libchdb.so")
    });
    assert!(
        place.is_file(),
        "{} is missing: run `make libchdb` first",
        place.display()
    );
    place
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
pub struct ClickHouse {
    /// Its HTTP interface.
    pub url: String,
    data: PathBuf,
    listen: SocketAddr,
    child: Child,
    _stdin: ChildStdin,
}

/// The user of [`ClickHouse`].
pub const CLICKHOUSE_USER: &str = "hindsight";
/// Its password.
pub const CLICKHOUSE_PASSWORD: &str = "clickhouse, secret";

impl ClickHouse {
    /// Starts one on this folder, at a free port.
    pub fn start(data: &Path) -> Self {
        Self::start_at(data, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn start_at(data: &Path, listen: SocketAddr) -> Self {
        let mut command = Command::new(binary());
        command
            .args(["clickhouse", "--die-with-parent", "--data-dir"])
            .arg(data)
            .args(["--listen", &listen.to_string(), "--libchdb"])
            .arg(libchdb())
            .env("HINDSIGHT_CLICKHOUSE_PASSWORD", CLICKHOUSE_PASSWORD);
        let (child, stdin, mut lines) = spawn(command);
        let ready = lines.next().expect("it says where it listens");
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let listen = ready["listen"].as_str().unwrap();
        Self {
            url: format!("http://{listen}/"),
            data: data.into(),
            listen: listen.parse().unwrap(),
            child,
            _stdin: stdin,
        }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, and the same server on the same folder and port.
    pub fn kill_and_start(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        *self = Self::start_at(&self.data.clone(), self.listen);
    }
}

impl Drop for ClickHouse {
    /// Waits for its end, so that nothing is written to its folder afterwards.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bucket of an installation with this name.
pub fn bucket(name: &str, engines: &Exports) -> S3Options {
    S3Options {
        prefix: name.into(),
        endpoint: engines["S3_ENDPOINT"].clone(),
        access_key: engines["S3_KEY"].clone(),
        secret_key: Secret::new(&engines["S3_SECRET"]),
        ..S3Options::default()
    }
}

/// The log of an installation with this name, where topics have three copies.
pub fn log(name: &str, engines: &Exports) -> kafka::Settings {
    kafka::Settings {
        brokers: engines["KAFKA_BROKERS"].clone(),
        prefix: format!("{name}."),
        ..kafka::Settings::default()
    }
}

/// A settings file in the making: a section's keys as they stand in it.
#[derive(Clone, Default)]
pub struct Settings(Vec<(String, String, String)>);

impl Settings {
    /// Of an installation that shares these engines, under a name of its own.
    pub fn of_engines(name: &str, clickhouse_url: &str) -> Self {
        Self::naming(name, engines(), clickhouse_url)
    }

    /// Of an installation over engines with these addresses, one copy of each record.
    pub fn naming(name: &str, engines: &Exports, clickhouse_url: &str) -> Self {
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
    pub fn set(&mut self, section: &str, name: &str, value: &str) -> &mut Self {
        self.0
            .retain(|(in_section, known, _)| (in_section.as_str(), known.as_str()) != (section, name));
        self.0.push((section.into(), name.into(), value.into()));
        self
    }

    /// Sets a key to a text.
    pub fn text(&mut self, section: &str, name: &str, value: &str) -> &mut Self {
        self.set(section, name, &format!("{value:?}"))
    }

    /// Writes the file.
    pub fn write(&self, folder: &Path) -> PathBuf {
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
