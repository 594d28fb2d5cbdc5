//! The same binary by roles over Kafka, ClickHouse, Elasticsearch and S3: two ingest, two process, one serve. What is
//! sent is found, each once, also when every role is restarted meanwhile, one after the other.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::load::Writer;
use crate::real::{ClickHouse, Settings};
use crate::server::Server;
use crate::{hindsight, oracle, words};

const SEED: u64 = 0x401e;
const WRITERS: u64 = 3;
/// Ready within so long, engines being there.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often a send is tried, as a client would.
const RETRIES: usize = 100;
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Load between two restarts.
const BETWEEN: Duration = Duration::from_secs(2);

/// Processes of one installation.
pub(crate) struct Installation {
    folder: PathBuf,
    pub(crate) config: PathBuf,
    admin_token: String,
    pub(crate) write_key: String,
}

/// One process, and where it is asked how it does.
pub(crate) struct Role {
    arguments: Vec<String>,
    process: Child,
    ops: String,
}

impl Installation {
    pub(crate) fn new(folder: &Path, settings: &mut Settings) -> Self {
        let credentials = folder.join("credentials.json");
        let made = hindsight(
            folder,
            &["credentials", "new", "--out", credentials.to_str().unwrap()],
        );
        assert!(made.status.success(), "{}", words(&made));
        let known: Value = serde_json::from_slice(&std::fs::read(&credentials).unwrap()).unwrap();
        let word = |name: &str| known[name].as_str().unwrap().to_owned();
        let credentials = credentials.display().to_string();
        Self {
            folder: folder.into(),
            config: settings
                .text("server", "credentials_file", &credentials)
                .write(folder),
            admin_token: word("admin_token"),
            write_key: word("write_key"),
        }
    }

    /// Starts a role at addresses that stay its own, and waits until it is ready.
    pub(crate) async fn start(&self, name: &str, listen: &str, more: &[&str]) -> Role {
        let ops = free_address();
        let mut arguments: Vec<String> = vec![name.into(), "--ops-listen".into(), ops.clone()];
        if !listen.is_empty() {
            arguments.extend(["--listen".into(), listen.into()]);
        }
        arguments.extend(more.iter().map(|word| (*word).into()));
        let mut role = Role {
            process: self.spawn(&arguments),
            arguments,
            ops,
        };
        role.until_ready(&self.folder).await;
        role
    }

    fn spawn(&self, arguments: &[String]) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("{}.log", arguments[0])))
            .unwrap();
        Command::new(env!("CARGO_BIN_EXE_hindsight"))
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .env_remove("HINDSIGHT_CONFIG")
            .env("RUST_LOG", "info,librdkafka=warn")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// SIGTERM, the exit code, and the same role anew.
    async fn restart(&self, role: &mut Role) {
        let stopped = Command::new("kill")
            .args(["-TERM", &role.process.id().to_string()])
            .status()
            .unwrap();
        assert!(stopped.success());
        let mut old = std::mem::replace(&mut role.process, self.spawn_nothing());
        let ended = tokio::task::spawn_blocking(move || old.wait().unwrap().code())
            .await
            .unwrap();
        assert_eq!(ended, Some(0), "a drained {} ends with 0", role.arguments[0]);
        role.process = self.spawn(&role.arguments);
        role.until_ready(&self.folder).await;
    }

    /// Stands for a process between its end and its next start.
    fn spawn_nothing(&self) -> Child {
        Command::new("true").spawn().unwrap()
    }
}

impl Role {
    async fn until_ready(&mut self, folder: &Path) {
        let started = Instant::now();
        let mut told = String::new();
        while started.elapsed() < READY_WITHIN {
            if let Ok(answer) = reqwest::get(format!("http://{}/health/ready", self.ops)).await {
                let ready = answer.status().is_success();
                told = answer.text().await.unwrap_or_default();
                if ready {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "{:?} is not ready: {told}; see {}",
            self.arguments,
            folder.display()
        );
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One that was free a moment ago.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_found_once_by_roles_through_a_rolling_restart() {
    let folder = tempfile::tempdir().unwrap().keep();
    let clickhouse = ClickHouse::start(&folder.join("clickhouse"));
    let mut settings = Settings::of_engines(&format!("t{:x}", fastrand::u64(..)), &clickhouse.url);
    settings
        .set("log", "session_timeout_ms", "10000")
        .set("replay", "close_after_seconds", "2")
        .set("lifecycle", "grace_seconds", "4")
        .set("lifecycle", "interval_seconds", "1");
    let installation = Installation::new(&folder, &mut settings);
    let edges = [free_address(), free_address()];
    let reads = free_address();
    let mut roles = vec![
        installation.start("ingest", &edges[0], &[]).await,
        installation.start("ingest", &edges[1], &[]).await,
        installation.start("process", "", &[]).await,
        installation
            .start("process", "", &["--only", "analytics,search,replay,lifecycle"])
            .await,
        installation
            .start("serve", &reads, &["--clickhouse-listen", &free_address()])
            .await,
    ];

    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, SEED)).collect();
    let (done, told) = tokio::sync::watch::channel(false);
    let urls = edges.each_ref().map(|edge| format!("http://{edge}"));
    let load = futures::future::join_all(
        writers
            .iter_mut()
            .map(|writer| write_until(writer, &urls, &installation.write_key, told.clone())),
    );
    let rolling = async {
        for role in &mut roles {
            tokio::time::sleep(BETWEEN).await;
            installation.restart(role).await;
        }
        tokio::time::sleep(BETWEEN).await;
        done.send(true).unwrap();
    };
    tokio::join!(load, rolling);
    assert!(
        writers.iter().all(|writer| writer.batches.len() > 20),
        "too little load to mean anything"
    );

    let serve = Server::of(
        installation.spawn_nothing(),
        format!("http://{reads}"),
        installation.admin_token.clone(),
        installation.write_key.clone(),
    );
    oracle::check(&serve, &writers).await;
    samples_are_shown(&installation, &urls[0], &serve).await;
    drop(roles);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Sends on and on, each until it was answered 202, to the one edge or the other.
async fn write_until(
    writer: &mut Writer,
    urls: &[String; 2],
    key: &str,
    done: tokio::sync::watch::Receiver<bool>,
) {
    while !*done.borrow() {
        let mut tried = 0;
        while !writer.send_both(&urls[tried % 2], key).await {
            tried += 1;
            assert!(tried < RETRIES, "no 202 within {RETRIES} tries");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The sample recordings and audit events come in by one role and are seen by another.
async fn samples_are_shown(installation: &Installation, edge: &str, serve: &Server) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let sessions_before = count(serve, "SELECT count() FROM sessions").await;
    let output = Command::new(env!("CARGO_BIN_EXE_hindsight"))
        .args(["import", "--url", edge, "--key", &installation.write_key])
        .arg(&samples)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", words(&output));
    let recordings = std::fs::read_dir(samples.join("recordings")).unwrap().count() as u64;
    let audit = std::fs::read_to_string(samples.join("audit.jsonl")).unwrap();
    let actions: BTreeSet<String> = audit
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["action"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let started = Instant::now();
    loop {
        let sessions = count(serve, "SELECT count() FROM sessions").await - sessions_before;
        let found = count(
            serve,
            "SELECT uniqExact(action) FROM audit WHERE source_id NOT LIKE 'crash-%'",
        )
        .await;
        let refunds = serve.get("/v1/audit?q=action:order.refund_line").await.unwrap();
        let refunds: Value = serde_json::from_str(&refunds).unwrap();
        if sessions == recordings && found == actions.len() as u64 && refunds["total"].as_u64() > Some(0) {
            return;
        }
        assert!(
            started.elapsed() < READY_WITHIN,
            "{sessions} of {recordings} sessions, {found} of {} actions; {refunds}",
            actions.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn count(serve: &Server, statement: &str) -> u64 {
    serve.sql(statement).await.unwrap().trim().parse().unwrap()
}
