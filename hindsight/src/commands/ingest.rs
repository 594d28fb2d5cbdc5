//! `hindsight ingest`: the edge for writers, by itself.

use std::process::ExitCode;

use clap::Args;

use super::role::{self, ServerArgs};
use crate::roles::Roles;
use crate::settings::Overrides;

/// Take in what browsers and services send; one of the roles of a larger installation.
///
/// It needs the log alone (log.kind = "kafka"), whatever else is away, and the keys (server.credentials_file). Any number
/// may run behind one address. SIGTERM drains: requests in flight are answered, new ones get 503 and are sent again to
/// another.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    server: ServerArgs,
}

impl Ingest {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let roles = Roles {
            name: "ingest",
            ingest: true,
            ..Roles::default()
        };
        role::run(self.server.load(Overrides::default())?, roles)
    }
}
