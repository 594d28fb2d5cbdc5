//! Keeps the child running: starts it, watches it, starts it again when it dies, and tells clients where it is.
//!
//! **Invariants:** its death never takes the parent along; it never outlives the parent (its stdin is ours). It comes
//! back at the same port where that is free, else the watch tells the new one. **Failure**: a first start that fails is
//! the caller's error with the child's own words; later ones are tried again for ever, between [`BACKOFF_MIN`] and
//! [`BACKOFF_MAX`] apart, and readiness says so. **Bounds**: [`SupervisorOptions::start_limit`] for a start,
//! [`STOP_LIMIT`] for the end.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::child::{PASSWORD_VARIABLE, Ready, USER};
use crate::analytics::Endpoint;

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A child that lived this long was well: the next start waits the shortest time again.
const WELL: Duration = Duration::from_secs(30);
/// How long a child may drain before it is killed; longer than its own limit.
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// How many of the child's last lines on stderr an error quotes.
const QUOTED_LINES: usize = 5;
const QUOTED_LINE_BYTES: usize = 500;

/// A program that runs [`super::run_child`] with the listen address as its last two arguments.
#[derive(Debug, Clone)]
pub struct ChildCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; `--listen ADDRESS` is added. They must make it end with its stdin.
    pub arguments: Vec<OsString>,
    /// Environment on top of ours; the password is added.
    pub environment: Vec<(OsString, OsString)>,
}

/// Settings of the supervisor.
#[derive(Debug, Clone)]
pub struct SupervisorOptions {
    /// What to run.
    pub command: ChildCommand,
    /// Where the child listens first; port 0 takes a free one. Default 127.0.0.1:0.
    pub listen: SocketAddr,
    /// How long a start may take. Default 60 s.
    pub start_limit: Duration,
}

impl SupervisorOptions {
    /// The defaults for a command.
    pub fn new(command: ChildCommand) -> Self {
        Self {
            command,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            start_limit: Duration::from_secs(60),
        }
    }
}

/// Whether the child runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It answers at the endpoint, as far as we know.
    Running {
        /// How often it was started again.
        restarts: u64,
        /// Its process.
        process: u32,
    },
    /// It is dead; the next start is under way or waits.
    Down {
        /// How often it was started again.
        restarts: u64,
        /// Why.
        reason: String,
    },
    /// It was told to stop.
    Stopped,
}

/// Why the child did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("clickhouse child did not start: {reason}")]
pub struct SupervisorError {
    reason: String,
}

/// The watched child.
#[derive(Debug)]
pub struct Supervisor {
    endpoint: watch::Receiver<Endpoint>,
    health: watch::Receiver<Health>,
    stop: watch::Sender<bool>,
    watcher: JoinHandle<()>,
}

impl Supervisor {
    /// Starts the child and waits until it is ready.
    pub async fn start(options: SupervisorOptions) -> Result<Self, SupervisorError> {
        let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut launcher = Launcher { options, password };
        let running = launcher.launch().await?;
        launcher.options.listen = running.address;
        let (endpoint, endpoint_seen) = watch::channel(launcher.endpoint(running.address));
        let (health, health_seen) = watch::channel(running.health(0));
        let (stop, stopped) = watch::channel(false);
        let watch = Watch {
            launcher,
            endpoint,
            health,
            stopped,
        };
        let watcher = tokio::spawn(watch.keep_running(running));
        Ok(Self {
            endpoint: endpoint_seen,
            health: health_seen,
            stop,
            watcher,
        })
    }

    /// Where the child is, now and after each start.
    pub fn endpoint(&self) -> watch::Receiver<Endpoint> {
        self.endpoint.clone()
    }

    /// How the child does.
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// How the child does, to wait on.
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Lets the child finish what it runs and end; kills it after [`STOP_LIMIT`].
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if let Err(error) = self.watcher.await {
            tracing::error!(%error, "the clickhouse child's watcher failed");
        }
    }
}

struct Running {
    child: Child,
    address: SocketAddr,
    process: u32,
    last_words: LastWords,
    /// Held here, because waiting for a child closes the stdin that it holds; its end is what tells the child to end.
    stdin: Option<ChildStdin>,
    /// Kept open, so that the child can always write.
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    fn health(&self, restarts: u64) -> Health {
        Health::Running {
            restarts,
            process: self.process,
        }
    }
}

struct Launcher {
    options: SupervisorOptions,
    password: String,
}

impl Launcher {
    fn endpoint(&self, address: SocketAddr) -> Endpoint {
        Endpoint {
            url: format!("http://{address}/"),
            user: USER.into(),
            password: self.password.clone(),
        }
    }

    /// One start, to the ready line.
    async fn launch(&self) -> Result<Running, SupervisorError> {
        let failed = |reason: String| SupervisorError { reason };
        let mut child = self.command().spawn().map_err(|error| {
            failed(format!(
                "can't run {}: {error}",
                self.options.command.program.display()
            ))
        })?;
        let last_words = LastWords::of(child.stderr.take());
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| failed("it has no stdout".into()))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let ready = tokio::time::timeout(self.options.start_limit, stdout.read_line(&mut line)).await;
        match ready {
            Ok(Ok(1..)) => {}
            Ok(_) => return Err(failed(last_words.with(&ended(child.wait().await)).await)),
            Err(_) => return Err(failed(last_words.with("it was not ready in time").await)),
        }
        let ready: Ready =
            serde_json::from_str(&line).map_err(|_| failed(format!("its first line is {line:?}")))?;
        let process = child.id().ok_or_else(|| failed("it ended at once".into()))?;
        let stdin = child.stdin.take();
        Ok(Running {
            child,
            address: ready.listen,
            process,
            last_words,
            stdin,
            _stdout: stdout,
        })
    }

    fn command(&self) -> Command {
        let ChildCommand {
            program,
            arguments,
            environment,
        } = &self.options.command;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg("--listen")
            .arg(self.options.listen.to_string())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env(PASSWORD_VARIABLE, &self.password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C is for us, who then drain before we let the child go.
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

fn ended(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(
        |error| format!("it can't be waited for: {error}"),
        |status| format!("it ended with {status}"),
    )
}

struct Watch {
    launcher: Launcher,
    endpoint: watch::Sender<Endpoint>,
    health: watch::Sender<Health>,
    stopped: watch::Receiver<bool>,
}

impl Watch {
    async fn keep_running(mut self, mut running: Running) {
        let mut restarts = 0;
        loop {
            let started = tokio::time::Instant::now();
            let status = tokio::select! {
                status = running.child.wait() => Some(status),
                _ = self.stopped.wait_for(|stopped| *stopped) => None,
            };
            let Some(status) = status else {
                return self.end(running).await;
            };
            let reason = running.last_words.with(&ended(status)).await;
            tracing::error!(reason, restarts, "the clickhouse child died; it is started again");
            metrics::counter!("hindsight_clickhouse_child_restarts_total").increment(1);
            restarts += 1;
            let backoff = if started.elapsed() > WELL {
                BACKOFF_MIN
            } else {
                backoff_after(restarts)
            };
            self.health.send_replace(Health::Down { restarts, reason });
            running = match self.relaunch(restarts, backoff).await {
                Some(next) => next,
                None => return drop(self.health.send_replace(Health::Stopped)),
            };
            self.endpoint
                .send_replace(self.launcher.endpoint(running.address));
            self.health.send_replace(running.health(restarts));
        }
    }

    /// Starts until one succeeds; none when told to stop.
    async fn relaunch(&mut self, restarts: u64, mut wait: Duration) -> Option<Running> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
            }
            match self.launcher.launch().await {
                Ok(running) => return Some(running),
                Err(error) => {
                    tracing::error!(%error, "the clickhouse child did not start; it is tried again");
                    self.health.send_replace(Health::Down {
                        restarts,
                        reason: error.reason,
                    });
                    // The port may have been taken meanwhile: the next start takes a free one.
                    self.launcher.options.listen.set_port(0);
                    wait = (wait * 2).min(BACKOFF_MAX);
                }
            }
        }
    }

    async fn end(self, mut running: Running) {
        drop(running.stdin.take());
        if tokio::time::timeout(STOP_LIMIT, running.child.wait())
            .await
            .is_err()
        {
            tracing::warn!("the clickhouse child did not end in time and is killed");
            let _ = running.child.kill().await;
        }
        self.health.send_replace(Health::Stopped);
    }
}

fn backoff_after(restarts: u64) -> Duration {
    let doublings = u32::try_from(restarts.saturating_sub(1).min(10)).expect("at most 10");
    (BACKOFF_MIN * 2_u32.pow(doublings)).min(BACKOFF_MAX)
}

/// The child's stderr: logged as it comes, its last lines kept to say why it died.
struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl LastWords {
    fn of(stderr: Option<impl AsyncRead + Unpin + Send + 'static>) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let kept = lines.clone();
        let reader = stderr.map(|stderr| tokio::spawn(keep_last_lines(stderr, kept)));
        Self { lines, reader }
    }

    /// What happened, and the last lines, which are whole once the child's end of the pipe is closed.
    async fn with(mut self, happened: &str) -> String {
        if let Some(mut reader) = self.reader.take()
            && tokio::time::timeout(Duration::from_secs(1), &mut reader)
                .await
                .is_err()
        {
            reader.abort();
        }
        let lines = self.lines.lock().expect("no holder panics");
        lines
            .iter()
            .fold(happened.to_owned(), |text, line| format!("{text}; {line}"))
    }
}

async fn keep_last_lines(stderr: impl AsyncRead + Unpin, kept: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::info!(target: "clickhouse", "{line}");
        let mut kept = kept.lock().expect("no holder panics");
        kept.push_back(line.chars().take(QUOTED_LINE_BYTES).collect());
        if kept.len() > QUOTED_LINES {
            kept.pop_front();
        }
    }
}
