//! `hindsight doctor`: can this machine run Hindsight, with these settings, on this data folder?

use std::process::ExitCode;

use clap::Args;

use super::SettingsArgs;
use crate::doctor::{self, Finding, Status};
use crate::settings::Overrides;

/// Check machine, settings, data folder, addresses and libchdb; say what to do about each trouble.
///
/// Exit codes: 0 all well, 1 there are warnings, 2 something must be mended first.
/// It changes nothing: what it writes to measure the disk it removes again.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// As JSON: [{"check", "status": "ok|warn|fail", "found", "remedy"}].
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Doctor {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let findings = match self.settings.load(Overrides::default()) {
            Ok(effective) => doctor::examine(&effective.settings),
            Err(error) => vec![
                Finding::new("configuration", Status::Fail, format!("{error:#}"))
                    .remedy("mend the key that is named; `hindsight config` lists all keys"),
            ],
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&findings)?);
        } else {
            findings.iter().for_each(print);
        }
        let worst = findings
            .iter()
            .map(|finding| finding.status)
            .max()
            .unwrap_or(Status::Ok);
        Ok(ExitCode::from(worst as u8))
    }
}

fn print(finding: &Finding) {
    println!(
        "{:<4}  {:<16} {}",
        finding.status.as_str(),
        finding.check,
        finding.found
    );
    if !finding.remedy.is_empty() {
        println!("      {:<16} -> {}", "", finding.remedy);
    }
}
