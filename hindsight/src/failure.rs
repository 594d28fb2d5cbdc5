//! What a person reads and a script sees when a command fails: one chain of causes, one exit code per thing
//! that a caller would handle differently.

use std::path::PathBuf;
use std::process::ExitCode;

/// The failures that have an exit code of their own; everything else ends with 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Exit code 2, as for a wrong command line.
    #[error("configuration refused: {0}")]
    Configuration(String),
    /// Exit code 3.
    #[error(
        "data folder {} is in use by process {holder}; stop it first, or choose another folder with --data-dir",
        .folder.display()
    )]
    FolderInUse {
        /// The folder.
        folder: PathBuf,
        /// What the lock file says about its owner.
        holder: String,
    },
    /// Exit code 3.
    #[error("data folder {} can't be written: {reason}; give it write permission or choose another with --data-dir", .folder.display())]
    FolderUnusable {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Exit code 4.
    #[error("can't listen on {address} ({setting}): {reason}; choose another address with {flag}")]
    Listen {
        /// What was asked for.
        address: String,
        /// The key of the configuration.
        setting: &'static str,
        /// The flag of the command line.
        flag: &'static str,
        /// The system's words.
        reason: String,
    },
    /// Exit code 5.
    #[error("libchdb.so (the embedded ClickHouse) was not found in {}; run `make libchdb`, or name it with --libchdb or HINDSIGHT_LIBCHDB", .looked.join(", "))]
    LibchdbMissing {
        /// The places, in order.
        looked: Vec<String>,
    },
    /// Exit code 6: waiting would not change it.
    #[error("{part} can't be used: {reason}")]
    EngineRefused {
        /// The section of the settings.
        part: &'static str,
        /// The engine's words, both values where there are two, and the remedy.
        reason: String,
    },
    /// Exit code 7.
    #[error("{part} was awaited for {waited_s} s (server.start_wait_seconds): {reason}")]
    EngineAway {
        /// The section of the settings.
        part: &'static str,
        /// How long.
        waited_s: u64,
        /// The last that was heard of it.
        reason: String,
    },
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Failure::Configuration(_) => 2,
            Failure::FolderInUse { .. } | Failure::FolderUnusable { .. } => 3,
            Failure::Listen { .. } => 4,
            Failure::LibchdbMissing { .. } => 5,
            Failure::EngineRefused { .. } => 6,
            Failure::EngineAway { .. } => 7,
        }
    }
}

/// Prints the chain of causes to stderr and says with which code to end.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("hindsight: {error:#}");
    let own = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    ExitCode::from(own.map_or(1, Failure::exit_code))
}
