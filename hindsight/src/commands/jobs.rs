//! `hindsight jobs`: what long work runs, or ran.

use std::process::ExitCode;

use clap::Args;
use hindsight_processors::jobs::{Job, Progress};

use super::SettingsArgs;
use crate::operate::{PlaceArgs, Purpose, safe, table};
use crate::settings::Overrides;

/// Show the long work that was started (rebuilds), how far it is, and what came of it: the last hundred, oldest first.
///
/// It is kept in the segment store. Work of which nothing was heard for a minute is shown as stopped.
#[derive(Debug, Args)]
pub(crate) struct Jobs {
    /// As JSON: [{"id", "kind", "state", "began_at", "heard_at", "progress", "words"}].
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Jobs {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings.load(Overrides::default())?.settings;
        let jobs = tokio::runtime::Runtime::new()?.block_on(async {
            let place = self.place.open(&settings, Purpose::WithSegments).await?;
            let jobs = place.jobs().await;
            place.close().await;
            jobs
        })?;
        if self.json {
            println!("{}", safe::json(&jobs)?);
        } else {
            let rows: Vec<_> = jobs.iter().map(row).collect();
            table::print(
                ["BEGAN_AT", "JOB", "STATE", "HEARD_AT", "PROGRESS", "OUTCOME"],
                &rows,
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(job: &Job) -> [String; 6] {
    [
        job.began_at.to_string(),
        safe::line(&job.kind),
        job.state.as_str().to_owned(),
        job.heard_at.to_string(),
        progress(&job.progress),
        safe::line(&job.words),
    ]
}

/// As `sessions 12`, or `log 12 of 40`.
pub(super) fn progress(progress: &Progress) -> String {
    let Progress { phase, done, of } = progress;
    match of {
        Some(of) => format!("{phase} {done} of {of}"),
        None => format!("{phase} {done}"),
    }
}
