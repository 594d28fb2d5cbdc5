//! `hindsight up`: everything in one process over embedded engines.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::SettingsArgs;
use crate::settings::Overrides;
use crate::{logging, up};

/// Threads for conversions, large bodies and files at most: each keeps buffers of its own, and there are few cores.
const BLOCKING_THREADS: usize = 8;
/// A thread without work goes after so long, and gives its buffers back.
const BLOCKING_IDLE: Duration = Duration::from_secs(2);

/// Start everything in one process: edge, log, ClickHouse, search, replays, console.
///
/// The first start makes the data folder and D/credentials.json (mode 600) with the admin token and the keys;
/// later starts keep the keys. Ctrl-C or SIGTERM drains: requests in flight are answered, views catch up to a
/// clean end. It can be killed at any moment without losing what was answered with 202.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Edge, API and console [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The read-only ClickHouse door [default: 127.0.0.1:0, a free port].
    #[arg(long, value_name = "ADDR")]
    clickhouse_listen: Option<String>,
    /// Health and metrics [default: on the main listener].
    #[arg(long, value_name = "ADDR")]
    ops_listen: Option<String>,
    /// The library of the embedded ClickHouse [default: in the cache, see `make libchdb`].
    #[arg(long, value_name = "FILE", env = "HINDSIGHT_LIBCHDB")]
    libchdb: Option<PathBuf>,
}

impl Up {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut flags = Overrides::default();
        flags.set_given("server.listen", self.listen.as_ref(), "--listen");
        flags.set_given(
            "server.clickhouse_listen",
            self.clickhouse_listen.as_ref(),
            "--clickhouse-listen",
        );
        flags.set_given("server.ops_listen", self.ops_listen.as_ref(), "--ops-listen");
        let libchdb = self.libchdb.map(|path| path.display().to_string());
        flags.set_given(
            "clickhouse.libchdb",
            libchdb.as_ref(),
            "--libchdb or HINDSIGHT_LIBCHDB",
        );
        let effective = self.settings.load(flags)?;
        logging::start();
        tokio::runtime::Builder::new_multi_thread()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_keep_alive(BLOCKING_IDLE)
            .enable_all()
            .build()?
            .block_on(up::run(effective.settings))?;
        Ok(ExitCode::SUCCESS)
    }
}
