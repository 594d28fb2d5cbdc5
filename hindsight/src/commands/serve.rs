//! `hindsight serve`: the read side, by itself.

use std::process::ExitCode;

use clap::Args;

use super::role::{self, DoorArgs, ServerArgs};
use crate::roles::Roles;
use crate::settings::Overrides;

/// Answer readers: console, API, ClickHouse door; one of the roles of a larger installation.
///
/// It needs all real engines, and the administrator's token (server.credentials_file). Any number may run.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    door: DoorArgs,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut flags = Overrides::default();
        self.door.set(&mut flags);
        let roles = Roles {
            name: "serve",
            serve: true,
            ..Roles::default()
        };
        role::run(self.server.load(flags)?, roles)
    }
}
