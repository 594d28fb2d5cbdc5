//! The child process: repairs and opens the data directory, listens, says where on stdout in one JSON line, and serves
//! until it is told to stop.
//!
//! **Invariant:** with `die_with_parent` it ends when its stdin does, which the kernel sees to however the parent dies.
//! **Failure**: what keeps it from starting goes to the caller, who exits with it. **Bounds**: the engine's memory,
//! its caches (small: [`CONFIG`]), [`DRAIN`] for statements in flight at the end.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::error::EngineError;
use super::facade::{Facade, FacadeOptions};
use super::library::{self, Engine};
use super::options::EngineOptions;
use super::repair::repair;

/// The one user of the façade.
pub const USER: &str = "hindsight";
/// The password comes by environment, because arguments can be seen by everyone on the machine.
pub const PASSWORD_VARIABLE: &str = "HINDSIGHT_CLICKHOUSE_PASSWORD";
/// How long statements in flight may go on once the child is told to stop.
const DRAIN: Duration = Duration::from_secs(10);
const READ_SLOTS: usize = 16;
const WRITE_SLOTS: usize = 8;

/// Server settings: caches and pools of a laptop. (ClickHouse's defaults would take 5 GB for marks alone.)
const CONFIG: &str = "<clickhouse>
    <mark_cache_size>67108864</mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <primary_index_cache_size>67108864</primary_index_cache_size>
    <mmap_cache_size>16</mmap_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_schedule_pool_size>2</background_schedule_pool_size>
    <background_common_pool_size>2</background_common_pool_size>
    <background_fetches_pool_size>1</background_fetches_pool_size>
    <background_move_pool_size>1</background_move_pool_size>
</clickhouse>
";

/// How the child runs.
#[derive(Debug, Clone)]
pub struct ChildOptions {
    /// ClickHouse's data directory; its own, nothing else in it.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `libchdb.so`.
    pub library: PathBuf,
    /// The password of [`USER`].
    pub password: String,
    /// `max_server_memory_usage`. Above it statements fail with code 241, the process lives.
    pub memory_bytes: u64,
    /// End when stdin ends, and only then.
    pub die_with_parent: bool,
}

/// Why the child did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The data directory can't be made or written.
    #[error("clickhouse data directory {path}")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The deduplication logs can't be repaired; opening without would lose rows.
    #[error("crash repair of {path}")]
    Repair {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The library can't be loaded, or the directory is in use by another process.
    #[error("clickhouse engine: {0}")]
    Engine(#[from] EngineError),
    /// The address can't be taken.
    #[error("clickhouse listener on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Serving failed.
    #[error("clickhouse listener")]
    Serve(#[source] std::io::Error),
}

/// The line that the child prints when it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ready {
    pub(super) listen: SocketAddr,
}

/// Runs the engine until SIGINT or SIGTERM, with `die_with_parent` until the end of stdin; then the process has ended.
pub async fn run_child(options: ChildOptions) -> Result<Infallible, ChildError> {
    let facade = open(&options)?;
    let refused = |source| ChildError::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
    let ready = Ready {
        listen: listener.local_addr().map_err(refused)?,
    };
    let line = serde_json::to_string(&ready).expect("an address is text");
    // A parent that doesn't read is no reason to stop; one that has died is noticed on stdin.
    let _ = writeln!(std::io::stdout(), "{line}").and_then(|()| std::io::stdout().flush());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = axum::serve(listener, facade.router()).with_graceful_shutdown(async move {
        told_to_stop(options.die_with_parent).await;
        let _ = stop.send(true);
    });
    tokio::select! {
        ended = async { serving.await } => ended.map_err(ChildError::Serve)?,
        () = drained(stopped) => {}
    }
    // The server is gone and with it the engine's last owner, unless a statement is still at work: then the engine ends
    // as in a crash, which loses nothing either.
    library::leave()
}

fn open(options: &ChildOptions) -> Result<Facade, ChildError> {
    let path = options.data_dir.clone();
    let unusable = |source| ChildError::DataDir {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(&path).map_err(unusable)?;
    // The engine compares the path as a text and locks it: one spelling.
    let data_dir = path.canonicalize().map_err(unusable)?;
    let config_file = data_dir.join("hindsight-engine.xml");
    std::fs::write(&config_file, CONFIG).map_err(unusable)?;
    let dropped = repair(&data_dir).map_err(|source| ChildError::Repair {
        path: path.clone(),
        source,
    })?;
    for record in dropped {
        tracing::warn!(record, "dropped a deduplication record without its part");
    }
    let engine = Engine::open(&EngineOptions {
        library: options.library.clone(),
        data_dir,
        config_file: Some(config_file),
        memory_bytes: options.memory_bytes,
    })?;
    let (user, password) = (USER.to_owned(), options.password.clone());
    Ok(Facade::new(
        engine,
        &FacadeOptions {
            user,
            password,
            read_slots: READ_SLOTS,
            write_slots: WRITE_SLOTS,
        },
    ))
}

async fn drained(mut stopped: tokio::sync::watch::Receiver<bool>) {
    // The sender goes only with the server, whose end the other branch sees.
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(DRAIN).await;
}

/// A child that ends with its parent leaves signals to it: a service manager that signals the whole group would else take
/// the engine away while the parent still writes what it has accepted.
async fn told_to_stop(die_with_parent: bool) {
    if !die_with_parent {
        return signalled().await;
    }
    let swallow_signals = async {
        loop {
            signalled().await;
        }
    };
    tokio::select! {
        () = stdin_ended() => {}
        () = swallow_signals => {}
    }
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// A thread of its own: a read of stdin can't be cancelled, and must not keep the runtime from ending.
async fn stdin_ended() {
    let (sender, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = [0; 64];
        while matches!(std::io::stdin().read(&mut rest), Ok(1..)) {}
        let _ = sender.send(());
    });
    let _ = ended.await;
}
