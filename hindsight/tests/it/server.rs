//! A real server: the binary on a folder of its own and free ports, killable in parts.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hindsight_chaos::engines::libchdb;
use hindsight_chaos::reader::Reader;
use serde_json::Value;

/// As promised: ready within 60 s.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// So long a statement may take to give what is waited for.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// A running server. Dropped: killed.
pub(crate) struct Server {
    process: Child,
    /// The server itself, where a tracer was started around it.
    id: String,
    /// What people read of it.
    reader: Reader,
    /// Writes.
    pub(crate) write_key: String,
}

/// The command that starts a server on this folder; its log is appended to `D/../server.log`.
pub(crate) fn command(program: &[&str], data: &Path) -> Command {
    let mut words = program.to_vec();
    words.push(env!("CARGO_BIN_EXE_hindsight"));
    let log = File::options()
        .create(true)
        .append(true)
        .open(data.with_extension("log"))
        .unwrap();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .arg("--libchdb")
        .arg(libchdb())
        .env_remove("HINDSIGHT_CONFIG")
        .env("RUST_LOG", "info,tantivy=warn")
        .stdout(Stdio::null())
        .stderr(log);
    command
}

/// The same, where sessions close after so many seconds of silence.
pub(crate) fn closing_after(close_after_s: u32, data: &Path) -> Command {
    let mut command = command(&[], data);
    command.env("HINDSIGHT_REPLAY__CLOSE_AFTER_SECONDS", close_after_s.to_string());
    command
}

/// Waits until a statement gives this.
pub(crate) async fn until(reader: &Reader, statement: &str, expected: &str) {
    let started = Instant::now();
    loop {
        let found = reader.sql(statement).await;
        if found.as_deref().map(str::trim) == Ok(expected) {
            return;
        }
        assert!(
            started.elapsed() < ANSWERED_WITHIN,
            "{statement}: {found:?}, not {expected}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until so many sessions are closed and whole.
pub(crate) async fn until_closed(reader: &Reader, sessions: usize) {
    let closed = "SELECT count() FROM sessions WHERE state = 'complete'";
    until(reader, closed, &sessions.to_string()).await;
}

/// Starts one and waits until it is ready.
pub(crate) async fn start(mut command: Command, data: &Path) -> Server {
    let credentials = data.join("credentials.json");
    let before = std::fs::read_to_string(&credentials).unwrap_or_default();
    let mut process = command.spawn().unwrap();
    let started = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let log = data.with_extension("log");
        assert!(
            process.try_wait().unwrap().is_none(),
            "the server ended; see {}",
            log.display()
        );
        assert!(
            started.elapsed() < READY_WITHIN,
            "not ready in time; see {}",
            log.display()
        );
        let text = std::fs::read_to_string(&credentials).unwrap_or_default();
        let Ok(known) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let url = known["url"].as_str().unwrap().to_string();
        // The addresses of the last start are still there until this one has its own.
        let fresh = text != before || started.elapsed() > Duration::from_secs(2);
        let ready = async {
            reqwest::get(format!("{url}/health/ready"))
                .await
                .is_ok_and(|r| r.status().is_success())
        };
        if fresh && ready.await {
            let word = |name: &str| known[name].as_str().unwrap().to_string();
            let id = std::fs::read_to_string(data.join("lock")).unwrap();
            return Server {
                id,
                process,
                reader: Reader {
                    url,
                    admin_token: word("admin_token"),
                },
                write_key: word("write_key"),
            };
        }
    }
}

/// Starts one that is expected to end by itself: its exit code, and what it wrote to its log.
pub(crate) fn refused(mut command: Command, data: &Path) -> (Option<i32>, String) {
    let log = data.with_extension("log");
    let before = std::fs::metadata(&log).map_or(0, |about| about.len()) as usize;
    let mut process = command.spawn().unwrap();
    let started = Instant::now();
    let code = loop {
        if let Some(ended) = process.try_wait().unwrap() {
            break ended.code();
        }
        if started.elapsed() > READY_WITHIN {
            process.kill().unwrap();
            panic!("it did not end; see {}", log.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let told = std::fs::read(&log).unwrap();
    (code, String::from_utf8_lossy(&told[before..]).into_owned())
}

impl Server {
    /// kill -9 of the whole process.
    pub(crate) fn kill(&mut self) {
        signal("-KILL", &self.id);
        self.process.wait().unwrap();
    }

    /// kill -9 of the ClickHouse child alone; says whether there was one.
    pub(crate) fn kill_clickhouse(&self) -> bool {
        // A child is listed under the thread that made it.
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.id)).unwrap();
        let children: String = threads
            .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
            .collect();
        children
            .split_ascii_whitespace()
            .next()
            .is_some_and(|child| signal("-KILL", child))
    }

    /// The server's process id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// SIGTERM, and the exit code of the drained process.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        signal("-TERM", &self.id);
        self.process.wait().unwrap().code()
    }
}

impl std::ops::Deref for Server {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.kill();
        }
    }
}

fn signal(which: &str, process: &str) -> bool {
    Command::new("kill")
        .args([which, process])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
