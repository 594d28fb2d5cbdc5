//! `hindsight config`: the settings in force, each with where it is from. Nothing is started or written.

use std::process::ExitCode;

use clap::Args;

use super::SettingsArgs;
use crate::settings::Overrides;

/// Print the settings in force and where each value is from (default, file, environment, flag).
///
/// The output is a valid settings file: redirect it, change what you need, pass it by --config.
#[derive(Debug, Args)]
pub(crate) struct ShowConfig {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl ShowConfig {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let effective = self.settings.load(Overrides::default())?;
        print!("{}", effective.to_toml());
        Ok(ExitCode::SUCCESS)
    }
}
