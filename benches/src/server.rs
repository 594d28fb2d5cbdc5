//! The release binary as a child on a temporary folder: `hindsight up`, stopped when dropped.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::Signal;
use serde::Deserialize;
use tempfile::TempDir;

use crate::client::Client;
use crate::process::Process;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running server.
pub struct Server {
    child: Child,
    folder: TempDir,
    /// Where its API is.
    pub address: SocketAddr,
    /// Reads everything.
    pub admin_token: String,
    /// Writes.
    pub write_key: String,
}

#[derive(Deserialize)]
struct Credentials {
    url: String,
    admin_token: String,
    write_key: String,
}

impl Server {
    /// Starts `program up` with these settings (`HINDSIGHT_SECTION__NAME`) and waits until it is ready.
    pub fn start(program: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("hindsight-bench-")?;
        let data = folder.path().join("data");
        let log = File::create(folder.path().join("server.log"))?;
        let child = Command::new(program)
            .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .envs(settings.iter().copied())
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} can't be started", program.display()))?;
        let mut starting = Self {
            child,
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin_token: String::new(),
            write_key: String::new(),
        };
        starting.wait_until_ready(&data)?;
        Ok(starting)
    }

    fn wait_until_ready(&mut self, data: &Path) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let ended = self.child.try_wait()?;
            anyhow::ensure!(
                ended.is_none() && started.elapsed() < READY_WITHIN,
                "the server is not ready: {}",
                self.words()
            );
            let Ok(text) = std::fs::read(data.join("credentials.json")) else {
                continue;
            };
            let known: Credentials = serde_json::from_slice(&text)?;
            self.address = known.url.trim_start_matches("http://").parse()?;
            (self.admin_token, self.write_key) = (known.admin_token, known.write_key);
            let ready = Client::new(self.address, "").get("/health/ready");
            if ready.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
        }
    }

    /// The process of `up`.
    pub fn up(&self) -> Process {
        Process(self.child.id())
    }

    /// The process of its ClickHouse child.
    pub fn clickhouse(&self) -> anyhow::Result<Process> {
        self.up().child().context("the server has no ClickHouse child")
    }

    /// The last of what it wrote to its log.
    pub fn words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        log.lines().rev().take(10).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    /// It drains, so that the child ends with it; the folder goes in any case.
    fn drop(&mut self) {
        if let Ok(clickhouse) = self.clickhouse() {
            let _ = clickhouse.signal(Signal::CONT);
        }
        let _ = self.up().signal(Signal::TERM);
        let _ = self.child.wait();
    }
}
