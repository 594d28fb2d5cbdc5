//! What the commands that run as servers have in common: flags of addresses, and the runtime.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::SettingsArgs;
use crate::logging;
use crate::roles::{self, Roles};
use crate::settings::{Effective, Overrides};

/// Threads for conversions, large bodies and files at most: each keeps buffers of its own, and there are few cores.
const BLOCKING_THREADS: usize = 8;
/// A thread without work goes after so long, and gives its buffers back.
const BLOCKING_IDLE: Duration = Duration::from_secs(2);

/// Flags of every server.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Where to listen [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Health and metrics [default: on the listener above].
    #[arg(long, value_name = "ADDR")]
    ops_listen: Option<String>,
}

impl ServerArgs {
    /// The settings, with these flags and more.
    pub(super) fn load(&self, mut flags: Overrides) -> anyhow::Result<Effective> {
        flags.set_given("server.listen", self.listen.as_ref(), "--listen");
        flags.set_given("server.ops_listen", self.ops_listen.as_ref(), "--ops-listen");
        self.settings.load(flags)
    }
}

/// The flag of the ClickHouse door.
#[derive(Debug, Args)]
pub(super) struct DoorArgs {
    /// The read-only ClickHouse door [default: 127.0.0.1:0, a free port].
    #[arg(long, value_name = "ADDR")]
    clickhouse_listen: Option<String>,
}

impl DoorArgs {
    pub(super) fn set(&self, flags: &mut Overrides) {
        let key = "server.clickhouse_listen";
        flags.set_given(key, self.clickhouse_listen.as_ref(), "--clickhouse-listen");
    }
}

/// Runs until it is told to stop.
pub(super) fn run(effective: Effective, roles: Roles) -> anyhow::Result<ExitCode> {
    logging::start();
    tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_IDLE)
        .enable_all()
        .build()?
        .block_on(roles::run(effective.settings, roles))?;
    Ok(ExitCode::SUCCESS)
}
