//! `hindsight up`: everything in one process, over embedded engines or real ones.

use std::process::ExitCode;

use clap::Args;

use super::LibraryArgs;
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
    #[command(flatten)]
    library: LibraryArgs,
}

impl Up {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut flags = Overrides::default();
        self.door.set(&mut flags);
        self.library.set(&mut flags);
        role::run(self.server.load(flags)?, Roles::all())
    }
}
