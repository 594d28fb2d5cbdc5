//! The edge alone: HTTP, validation and the durable log, without views. Runs as a process of its own, so that its CPU
//! time is its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_ingest::{Edge, EdgeOptions, Intake, NoneErased, Rate, router};
use hindsight_policy::{Key, KeySet, Project, SecretHash};
use hindsight_schemas::ids::ProjectId;
use hindsight_schemas::record::KeyKind;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::process::Process;

/// The key that the benchmarks write with.
pub const KEY: &str = "bench-key-0123456789abcdef";

/// An edge with one project, over a log in this folder. The rate is lifted, all else as people run it.
pub fn edge(folder: &Path) -> anyhow::Result<Arc<Edge>> {
    let log = EmbeddedLog::open(folder, Options::default())?;
    let project: ProjectId = "bench".parse()?;
    let keys = KeySet::new(vec![Key {
        id: "bench".into(),
        secret: SecretHash::of(KEY),
        kind: KeyKind::Server,
        project: project.clone(),
        origins: Vec::new(),
        import: true,
    }])?;
    let options = EdgeOptions {
        rate: Rate {
            events_per_s: u64::from(u32::MAX),
            bytes_per_s: u64::from(u32::MAX),
            ..Rate::default()
        },
        ..EdgeOptions::default()
    };
    let edge = Edge::new(
        options,
        vec![Project::new(project)],
        keys,
        Arc::new(log),
        Arc::new(NoneErased),
    )?;
    Ok(Arc::new(edge))
}

/// Serves until stdin ends; prints the address.
pub fn serve(folder: &Path) -> anyhow::Result<()> {
    let routes = router(edge(folder)?);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            let stop = CancellationToken::new();
            let stopped = stop.clone();
            tokio::task::spawn_blocking(move || {
                let _lines = std::io::stdin().lines().count();
                stopped.cancel();
            });
            let bounds = Intake::default().connection_bounds();
            hindsight_ingest::serve(listener, routes, bounds, stop).await;
            anyhow::Ok(())
        })
}

/// The edge as a child of this process.
pub struct EdgeProcess {
    child: Child,
    _folder: TempDir,
    /// Where it listens.
    pub address: SocketAddr,
}

impl EdgeProcess {
    /// Starts this program again as `serve-edge FOLDER`.
    pub fn start() -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("hindsight-bench-")?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve-edge")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().context("the edge has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self {
            child,
            _folder: folder,
            address: line.trim().parse().context("the edge did not start")?,
        })
    }

    /// The process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for EdgeProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
