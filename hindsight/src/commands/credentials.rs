//! `hindsight credentials`: keys for the roles of a larger installation.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::SettingsArgs;
use crate::credentials;
use crate::settings::Overrides;

/// Make the keys that all roles share (`hindsight up` makes its own).
#[derive(Debug, Args)]
pub(crate) struct ManageCredentials {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
}

/// Make new keys for the project of the settings, as JSON.
///
/// {"admin_token", "write_key" (server), "browser_key", "app_key", ...}. Give the same file to every role and name it in
/// server.credentials_file. Keep a copy: recorders and services carry these keys.
#[derive(Debug, Args)]
struct New {
    /// Where to (mode 600); a file that is there stays as it is [default: to stdout].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl ManageCredentials {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let Command::New(new) = self.command;
        let settings = new.settings.load(Overrides::default())?.settings;
        let made = credentials::new(settings.project.id.as_str());
        let text = serde_json::to_string_pretty(&made)? + "\n";
        match new.out {
            None => print!("{text}"),
            Some(path) => {
                let mut options = OpenOptions::new();
                let file = options.write(true).create_new(true).mode(0o600).open(&path);
                let mut file = file.with_context(|| format!("can't make {}", path.display()))?;
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
