//! `hindsight rebuild`: makes a view anew.

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Args;
use hindsight_processors::jobs::Progress;

use super::{LibraryArgs, SettingsArgs, jobs};
use crate::logging;
use crate::operate::rebuild::{Plan, Rebuilt, rebuild};
use crate::settings::Overrides;

/// Between two lines about the same part of the work.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Make a view anew from the objects of the segment store and the log, beside the one that is read; then switch.
///
/// No process may make views meanwhile: stop `hindsight up`, or every `hindsight process`. What is served stays as it is
/// until the switch. It is refused, with dates, where objects and log together hold less than the view. A rebuild that
/// ends before its switch changes nothing and can be started again.
///
/// Of replay index and analytics the index comes first: sessions are found by it.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// Which.
    view: Rebuilt,
    /// Of analytics: leave the audit events as they are, for when the log has forgotten some.
    #[arg(long)]
    keep_audit: bool,
    /// Of search and replay-index: go on where something would be lost: audit events that the log has forgotten, records
    /// that the engine does not take, sessions whose objects are gone.
    #[arg(long)]
    accept_loss: bool,
    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Rebuild {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        logging::start();
        let mut flags = Overrides::default();
        self.library.set(&mut flags);
        let settings = self.settings.load(flags)?.settings;
        let plan = Plan {
            view: self.view,
            keep_audit: self.keep_audit,
            accept_loss: self.accept_loss,
        };
        let told = Told::default();
        let words = tokio::runtime::Runtime::new()?
            .block_on(rebuild(&settings, plan, &|progress| told.hear(progress)))?;
        println!("{words}");
        Ok(ExitCode::SUCCESS)
    }
}

/// What was said last.
#[derive(Default)]
struct Told(Mutex<Option<(String, Instant)>>);

impl Told {
    /// Says each part of the work, and every now and then how far it is.
    fn hear(&self, progress: &Progress) {
        let mut told = self.0.lock().expect("nothing panics while it is held");
        let same = told
            .as_ref()
            .is_some_and(|(phase, at)| *phase == progress.phase && at.elapsed() < TOLD_EVERY);
        if !same {
            eprintln!("{}", jobs::progress(progress));
            *told = Some((progress.phase.clone(), Instant::now()));
        }
    }
}
