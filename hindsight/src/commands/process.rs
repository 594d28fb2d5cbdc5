//! `hindsight process`: what makes the views of the log, by itself.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::role::{self, ServerArgs};
use crate::roles::{Roles, View};
use crate::settings::Overrides;

/// Make tables, search documents and replays of the log; one of the roles of a larger installation.
///
/// Any number may run: they share the partitions, and what one leaves behind, however it ends, another goes on with.
/// Its listener has health and metrics only. SIGTERM drains: writes in flight are finished and committed, and the
/// partitions are given back at once.
#[derive(Debug, Args)]
pub(crate) struct Process {
    #[command(flatten)]
    server: ServerArgs,
    /// Do some of it only; some process must do each.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,...")]
    only: Vec<Part>,
}

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Tables, in ClickHouse.
    Analytics,
    /// Documents, in Elasticsearch.
    Search,
    /// Replay segments in S3, and their index in ClickHouse.
    Replay,
    /// Closing sessions, removing what nobody needs.
    Lifecycle,
    /// Looking whether samples of the log are in every view.
    Scrub,
}

impl Process {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let roles = self.roles();
        role::run(self.server.load(Overrides::default())?, roles)
    }

    fn roles(&self) -> Roles {
        let does = |part| self.only.is_empty() || self.only.contains(&part);
        let views = [
            (Part::Analytics, View::Analytics),
            (Part::Search, View::Search),
            (Part::Replay, View::Replay),
        ];
        Roles {
            name: "process",
            views: views
                .into_iter()
                .filter(|(part, _)| does(*part))
                .map(|(_, view)| view)
                .collect(),
            lifecycle: does(Part::Lifecycle),
            scrub: does(Part::Scrub),
            ..Roles::default()
        }
    }
}
