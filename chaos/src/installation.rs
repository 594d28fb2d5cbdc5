//! Processes of one installation: roles that share a settings file, each with a log and addresses of its own.
//!
//! **Failure:** a role that ends by itself, or is not ready in time, is an error that names its log. Dropped: killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::engines::Settings;

/// Ready within so long, engines being there.
pub const READY_WITHIN: Duration = Duration::from_secs(60);
/// A drained role ends within so long (`server.drain_seconds` and the leaving of its groups).
const DRAINED_WITHIN: Duration = Duration::from_secs(90);
/// What roles log, unless RUST_LOG of this process says otherwise.
const LOGGED: &str = "info,librdkafka=warn";
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Below the range from which outgoing connections take theirs, so that a restarted role finds its own free.
const PORTS: std::ops::Range<u16> = 15_000..30_000;

/// The binary: named by HINDSIGHT_BINARY, or built beside what runs.
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("HINDSIGHT_BINARY") {
        return named.into();
    }
    let exe = std::env::current_exe().expect("a running program has a path");
    let beside = exe
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("hindsight"));
    let mut built = beside.filter(|path| path.is_file());
    built.next().unwrap_or_else(|| {
        panic!(
            "no hindsight beside {}: build the whole workspace first",
            exe.display()
        )
    })
}

/// An address that was free a moment ago.
pub fn free_address() -> String {
    loop {
        let address = format!("127.0.0.1:{}", fastrand::u16(PORTS));
        if std::net::TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// Processes of one installation.
pub struct Installation {
    folder: PathBuf,
    /// Their settings file.
    pub config: PathBuf,
    /// Reads everything.
    pub admin_token: String,
    /// Writes.
    pub write_key: String,
}

/// What a role is started with.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names its log.
    pub label: String,
    arguments: Vec<String>,
    ops: String,
}

/// One process, and where it is asked how it does.
pub struct Role {
    /// What it was started with.
    pub plan: Plan,
    process: Child,
    log: PathBuf,
}

impl Plan {
    /// A role at addresses that stay its own.
    pub fn new(label: &str, name: &str, listen: &str, more: &[&str]) -> Self {
        let ops = free_address();
        let mut arguments: Vec<String> = vec![name.into(), "--ops-listen".into(), ops.clone()];
        if !listen.is_empty() {
            arguments.extend(["--listen".into(), listen.into()]);
        }
        arguments.extend(more.iter().map(|word| (*word).into()));
        Self {
            label: label.into(),
            arguments,
            ops,
        }
    }
}

impl Installation {
    /// Makes keys, and writes the settings with their place.
    pub fn new(folder: &Path, settings: &mut Settings) -> Self {
        let credentials = folder.join("credentials.json");
        let made = Command::new(binary())
            .args(["credentials", "new", "--out"])
            .arg(&credentials)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
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
    pub async fn start(&self, name: &str, listen: &str, more: &[&str]) -> Role {
        let mut role = self.launch(Plan::new(name, name, listen, more), "");
        role.until_ready().await.unwrap();
        role
    }

    /// Starts a role; `failpoints` is what its failpoints are set to, or nothing.
    pub fn launch(&self, plan: Plan, failpoints: &str) -> Role {
        let log = self.folder.join(format!("{}.log", plan.label));
        let process = self.spawn(&plan, failpoints, &log);
        Role { plan, process, log }
    }

    fn spawn(&self, plan: &Plan, failpoints: &str, log: &Path) -> Child {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(binary());
        command
            .args(&plan.arguments)
            .arg("--config")
            .arg(&self.config)
            .env_remove("HINDSIGHT_CONFIG")
            .env("RUST_LOG", std::env::var("RUST_LOG").as_deref().unwrap_or(LOGGED))
            .stdout(Stdio::null())
            .stderr(log);
        match failpoints {
            "" => command.env_remove("FAILPOINTS"),
            set => command.env("FAILPOINTS", set),
        };
        command.spawn().unwrap()
    }

    /// Writes the settings anew; each role reads them when it starts.
    pub fn rewrite(&self, settings: &Settings) {
        settings.write(&self.folder);
    }

    /// SIGTERM, the end, and the same role anew, ready.
    pub async fn restart(&self, role: &mut Role) -> anyhow::Result<()> {
        self.drain(role).await?;
        self.start_again(role, "");
        role.until_ready().await
    }

    /// SIGTERM, and the end of a drained role.
    pub async fn drain(&self, role: &mut Role) -> anyhow::Result<()> {
        role.signal(Signal::TERM)?;
        let ended = role.until_ended(DRAINED_WITHIN).await?;
        if !ended.success() {
            bail!(
                "a drained {} ended with {ended}; see {}",
                role.plan.label,
                role.log.display()
            );
        }
        Ok(())
    }

    /// The same role anew, after its end.
    pub fn start_again(&self, role: &mut Role, failpoints: &str) {
        role.process = self.spawn(&role.plan, failpoints, &role.log);
    }
}

impl Role {
    /// Waits until it answers that it is ready.
    pub async fn until_ready(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut told = String::new();
        while started.elapsed() < READY_WITHIN {
            if let Some(ended) = self.ended()? {
                bail!(
                    "{} ended with {ended}; see {}",
                    self.plan.label,
                    self.log.display()
                );
            }
            if let Ok(answer) = reqwest::get(format!("http://{}/health/ready", self.plan.ops)).await {
                let ready = answer.status().is_success();
                told = answer.text().await.unwrap_or_default();
                if ready {
                    return Ok(());
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!(
            "{} is not ready: {told}; see {}",
            self.plan.label,
            self.log.display()
        )
    }

    /// Waits for its end.
    pub async fn until_ended(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(ended) = self.ended()? {
                return Ok(ended);
            }
            if started.elapsed() > within {
                bail!(
                    "{} did not end within {within:?}; see {}",
                    self.plan.label,
                    self.log.display()
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What it counts and measures, in the text format of Prometheus.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let answer = reqwest::get(format!("http://{}/metrics", self.plan.ops)).await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.process.try_wait().context("a child can be asked")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.process), signal)
            .with_context(|| format!("{} can't be sent {signal:?}", self.plan.label))
    }

    /// kill -9, and its end.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
