//! `hindsight version`: what is running, in one line or as JSON.

use std::process::ExitCode;

use clap::Args;

/// Print the version.
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Version {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let version = env!("CARGO_PKG_VERSION");
        if self.json {
            println!("{}", serde_json::json!({"name": "hindsight", "version": version}));
        } else {
            println!("hindsight {version}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
