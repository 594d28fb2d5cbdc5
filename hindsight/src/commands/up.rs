//! `hindsight up`: everything in one process, over embedded engines or real ones.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::role::{self, DoorArgs, ServerArgs};
use crate::roles::Roles;
use crate::settings::Overrides;

/// Start everything in one process: edge, log, ClickHouse, search, replays, console.
///
/// The first start makes the data folder and D/credentials.json (mode 600) with the admin token and the keys;
/// later starts keep the keys. Ctrl-C or SIGTERM drains: requests in flight are answered, views catch up to a
/// clean end. It can be killed at any moment without losing what was answered with 202.
///
/// Engines are embedded; each can be a real one instead (log.kind, clickhouse.kind, search.kind, segments.kind).
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    door: DoorArgs,
    /// The library of the embedded ClickHouse [default: in the cache, see `make libchdb`].
    #[arg(long, value_name = "FILE", env = "HINDSIGHT_LIBCHDB")]
    libchdb: Option<PathBuf>,
}

impl Up {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut flags = Overrides::default();
        self.door.set(&mut flags);
        let libchdb = self.libchdb.map(|path| path.display().to_string());
        flags.set_given(
            "clickhouse.libchdb",
            libchdb.as_ref(),
            "--libchdb or HINDSIGHT_LIBCHDB",
        );
        role::run(self.server.load(flags)?, Roles::all())
    }
}
