//! A real server: the binary on a folder of its own and a free port, which it keeps over a restart.
//!
//! The binary is `HINDSIGHT_BINARY`, else the one beside this test's own (`cargo build -p hindsight` makes it).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running server. Dropped: killed.
pub(crate) struct RealEdge {
    data: PathBuf,
    process: Child,
    pub(crate) url: String,
    pub(crate) write_key: String,
    admin_token: String,
}

impl RealEdge {
    pub(crate) async fn start(folder: &Path) -> Self {
        let data = folder.join("data");
        let mut edge = Self {
            process: spawn(&data, "127.0.0.1:0"),
            data,
            url: String::new(),
            write_key: String::new(),
            admin_token: String::new(),
        };
        edge.wait_ready().await;
        edge
    }

    async fn wait_ready(&mut self) {
        let log = self.data.with_extension("log");
        let started = Instant::now();
        loop {
            assert!(
                started.elapsed() < READY_WITHIN,
                "not ready in time; see {}",
                log.display()
            );
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended; see {}", log.display());
            tokio::time::sleep(Duration::from_millis(20)).await;
            let text = std::fs::read(self.data.join("credentials.json")).unwrap_or_default();
            let Ok(known) = serde_json::from_slice::<Value>(&text) else {
                continue;
            };
            let word = |name: &str| known[name].as_str().unwrap().to_owned();
            self.url = word("url");
            self.write_key = word("write_key");
            self.admin_token = word("admin_token");
            let ready = reqwest::get(format!("{}/health/ready", self.url)).await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts again on the same port and data.
    pub(crate) async fn restart(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        self.process = spawn(&self.data, &address);
        self.wait_ready().await;
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = reqwest::Client::new()
            .get(format!("{}{path}", self.url))
            .query(query);
        let answer = request.bearer_auth(&self.admin_token).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Audit events of a query, as soon as so many are found.
    pub(crate) async fn audit(&self, query: &str, expected: u64) -> Value {
        let started = Instant::now();
        loop {
            let found = self.get("/v1/audit", &[("q", query), ("limit", "1000")]).await;
            if found["total"].as_u64().unwrap() >= expected {
                return found;
            }
            assert!(
                started.elapsed() < READY_WITHIN,
                "{expected} events of {query}: {}",
                found["total"]
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Each of these events exactly once, also in the rows.
    pub(crate) async fn check_once(&self, action: &str, events: u64) {
        assert_eq!(
            self.audit(&format!("action:{action}"), events).await["total"],
            events
        );
        let statement =
            format!("SELECT count(), uniqExact(id) FROM audit WHERE action = '{action}' FORMAT TSV");
        let started = Instant::now();
        loop {
            let request = reqwest::Client::new().post(format!("{}/v1/sql", self.url));
            let answer = request
                .bearer_auth(&self.admin_token)
                .body(statement.clone())
                .send()
                .await;
            let rows = answer.unwrap().text().await.unwrap();
            if rows.trim() == format!("{events}\t{events}") {
                return;
            }
            assert!(
                started.elapsed() < READY_WITHIN,
                "{events} rows of {action}: {rows}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for RealEdge {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(data: &Path, listen: &str) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(data.with_extension("log"))
        .unwrap();
    Command::new(present(binary(), "cargo build --locked -p hindsight"))
        .args(["up", "--listen", listen, "--data-dir"])
        .arg(data)
        .arg("--libchdb")
        .arg(present(libchdb(), "make libchdb"))
        .env_remove("HINDSIGHT_CONFIG")
        .env("RUST_LOG", "info,tantivy=warn")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn binary() -> PathBuf {
    std::env::var_os("HINDSIGHT_BINARY").map_or_else(
        || {
            let own = std::env::current_exe().unwrap();
            own.parent().unwrap().parent().unwrap().join("hindsight")
        },
        PathBuf::from,
    )
}

fn libchdb() -> PathBuf {
    std::env::var_os("HINDSIGHT_LIBCHDB").map_or_else(
        || {
            let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
            let cache =
                std::env::var_os("HINDSIGHT_CACHE").map_or(home.join(".cache/hindsight"), PathBuf::from);
            cache.join("libchdb/package/libchdb.so")
        },
        PathBuf::from,
    )
}

fn present(file: PathBuf, remedy: &str) -> PathBuf {
    assert!(
        file.is_file(),
        "{} is missing: run `{remedy}` first",
        file.display()
    );
    file
}
