//! The command line: one file per subcommand.

mod clickhouse;
mod config;
mod credentials;
mod dead_letters;
mod doctor;
mod import;
mod ingest;
mod jobs;
mod lag;
mod process;
mod rebuild;
mod role;
mod scrub;
mod serve;
mod up;
mod version;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::settings::{self, Effective, Overrides};

const AFTER_HELP: &str = "\
First steps:
  hindsight up                        start everything on ./hindsight-data, then open the printed address
  hindsight import samples            send recordings and audit events to it (run it from the repository)
  hindsight doctor                    see whether this machine can run it, with remedies

Settings come from one TOML file (--config), then from the environment (HINDSIGHT_SECTION__NAME, for example
HINDSIGHT_SERVER__LISTEN=0.0.0.0:8080), then from flags; `hindsight config` shows each value and where it is from.

Larger installations run by roles over Kafka, ClickHouse, Elasticsearch and S3, any number of each:
  hindsight ingest | process | serve  --config hindsight.toml

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 data folder in use or not writable,
4 address not free, 5 libchdb missing, 6 an engine refuses us or is not fit, 7 an engine did not come in time,
8 a limit is exceeded (`lag --max-age`), or something is missing (`scrub`).
`doctor` has its own: see `hindsight doctor --help`.";

/// Keeps what people do in web applications - session recordings and audit events - and shows it: replay,
/// search, SQL.
#[derive(Debug, Parser)]
#[command(name = "hindsight", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Ingest(ingest::Ingest),
    Process(process::Process),
    Serve(serve::Serve),
    #[command(name = "clickhouse")]
    ClickHouse(clickhouse::ClickHouse),
    Import(import::Import),
    Credentials(credentials::ManageCredentials),
    Doctor(doctor::Doctor),
    Lag(lag::Lag),
    DeadLetters(dead_letters::DeadLetters),
    Scrub(scrub::Scrub),
    Rebuild(rebuild::Rebuild),
    Jobs(jobs::Jobs),
    Config(config::ShowConfig),
    Version(version::Version),
}

impl Cli {
    /// Runs the subcommand.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Up(up) => up.run(),
            Command::Ingest(ingest) => ingest.run(),
            Command::Process(process) => process.run(),
            Command::Serve(serve) => serve.run(),
            Command::ClickHouse(clickhouse) => clickhouse.run(),
            Command::Import(import) => import.run(),
            Command::Credentials(credentials) => credentials.run(),
            Command::Doctor(doctor) => doctor.run(),
            Command::Lag(lag) => lag.run(),
            Command::DeadLetters(letters) => letters.run(),
            Command::Scrub(scrub) => scrub.run(),
            Command::Rebuild(rebuild) => rebuild.run(),
            Command::Jobs(jobs) => jobs.run(),
            Command::Config(config) => config.run(),
            Command::Version(version) => version.run(),
        }
    }
}

/// Where the library of the embedded ClickHouse is; the same for every subcommand that starts it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LibraryArgs {
    /// The library of the embedded ClickHouse [default: in the cache, see `make libchdb`].
    #[arg(long, value_name = "FILE", env = "HINDSIGHT_LIBCHDB")]
    libchdb: Option<PathBuf>,
}

impl LibraryArgs {
    fn set(&self, flags: &mut Overrides) {
        let path = self.libchdb.as_ref().map(|path| path.display().to_string());
        flags.set_given(
            "clickhouse.libchdb",
            path.as_ref(),
            "--libchdb or HINDSIGHT_LIBCHDB",
        );
    }
}

/// The flags that say with which settings to work; the same for every subcommand that reads them.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SettingsArgs {
    /// The TOML file with settings (default: built-in defaults only).
    #[arg(long, value_name = "FILE", env = "HINDSIGHT_CONFIG")]
    config: Option<PathBuf>,
    /// The folder that holds everything Hindsight keeps [default: ./hindsight-data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl SettingsArgs {
    fn load(&self, mut flags: Overrides) -> anyhow::Result<Effective> {
        if let Some(folder) = &self.data_dir {
            flags.set("server.data_dir", folder.display().to_string(), "--data-dir");
        }
        settings::load(self.config.as_deref(), &flags)
    }
}
