//! Runs a rebuild: nobody else at work, a job that says how far it is, the switch.
//!
//! **Invariant:** the switch comes only if no lane ran since the beginning, which the log tells by members and commits.
//! **Failure:** what was filled is dropped and the job says why; what is read is as it was, unless the reason says otherwise.
//! A process that is killed leaves a job that falls silent, and what the next rebuild or lifecycle drops.

mod search;
mod standstill;
mod tables;

use anyhow::{Context, bail};
use clap::ValueEnum;
use hindsight_engines::failpoint;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::jobs::{JobLog, JobState, Progress, STEP_EVERY};
use hindsight_processors::rebuild::{Rejected, Report};
use tokio::sync::watch;

use self::standstill::Standstill;
use super::alone::Alone;
use crate::engines::{Engines, Tables, Use, Wanted};
use crate::failure::Failure;
use crate::roles;
use crate::settings::Settings;

/// A view that can be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rebuilt {
    /// Events, batches, audit events and facts of sessions in ClickHouse.
    Analytics,
    /// Audit events and what was seen in sessions, in Elasticsearch or the embedded index.
    Search,
    /// Where the frames of each replay lie, in ClickHouse.
    ReplayIndex,
}

impl Rebuilt {
    fn kind(self) -> &'static str {
        match self {
            Self::Analytics => "rebuild analytics",
            Self::Search => "rebuild search",
            Self::ReplayIndex => "rebuild replay-index",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) view: Rebuilt,
    /// Of analytics: audit events stay as they are.
    pub(crate) keep_audit: bool,
    /// Of search and the replay index: what would be lost is no reason to refuse.
    pub(crate) accept_loss: bool,
}

/// Hears of progress.
type Heard<'a> = &'a (dyn Fn(&Progress) + Sync);

/// A rebuild that runs.
struct Run<'a> {
    settings: &'a Settings,
    engines: &'a Engines,
    still: &'a Standstill,
    job: JobLog,
    heard: Heard<'a>,
}

/// Makes a view anew; what came of it, in words.
pub(crate) async fn rebuild(settings: &Settings, plan: Plan, heard: Heard<'_>) -> anyhow::Result<String> {
    plan.refuse_other_flags()?;
    let wanted = Wanted {
        log: Some(roles::groups()),
        analytics: Some(Tables::AsTheyAre),
        segments: Some(Use::Write),
        search: false,
    };
    let alone = Alone::open(settings, wanted).await?;
    let outcome = with_engines(&alone.settings, &alone.engines, plan, heard).await;
    alone.close().await;
    outcome
}

async fn with_engines(
    settings: &Settings,
    engines: &Engines,
    plan: Plan,
    heard: Heard<'_>,
) -> anyhow::Result<String> {
    let still = Standstill::found(engines.log()).await?;
    let outcome = beside_nobody(settings, engines, &still, plan, heard).await;
    still.end().await;
    outcome
}

async fn beside_nobody(
    settings: &Settings,
    engines: &Engines,
    still: &Standstill,
    plan: Plan,
    heard: Heard<'_>,
) -> anyhow::Result<String> {
    let job = JobLog::begin(engines.segments(), plan.view.kind()).await?;
    let mut run = Run {
        settings,
        engines,
        still,
        job,
        heard,
    };
    let outcome = match plan.view {
        Rebuilt::Analytics => run.analytics(plan.keep_audit).await,
        Rebuilt::ReplayIndex => run.replay_index(plan.accept_loss).await,
        Rebuilt::Search => run.search(plan.accept_loss).await,
    };
    let (state, words) = match &outcome {
        Ok(words) => (JobState::Done, words.clone()),
        Err(error) => (JobState::Failed, format!("{error:#}")),
    };
    let noted = run.job.end(state, words).await;
    let words = outcome?;
    noted.context("the view is rebuilt, and the job can't say so")?;
    Ok(words)
}

impl Plan {
    /// A flag of another view would be passed over without a word.
    fn refuse_other_flags(self) -> Result<(), Failure> {
        let is_analytics = self.view == Rebuilt::Analytics;
        let wrong = match self {
            Self { keep_audit: true, .. } if !is_analytics => "--keep-audit is for analytics",
            Self {
                accept_loss: true, ..
            } if is_analytics => "--accept-loss is for search and replay-index; analytics has --keep-audit",
            _ => return Ok(()),
        };
        Err(Failure::Configuration(wrong.into()))
    }
}

/// Records that a view leaves out, in words.
fn left_out(rejected: &Rejected) -> String {
    let parts = [
        (rejected.unreadable, "records can't be read"),
        (
            rejected.conflicts,
            "have another body under an identity that is taken",
        ),
        (rejected.others, "are not taken by the engine"),
    ];
    let told = parts.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("; {count} {what}")).collect()
}

impl Run<'_> {
    async fn erased(&self) -> anyhow::Result<ErasedSessions> {
        let erased = ErasedSessions::new(self.engines.segments());
        let loaded = erased.load().await;
        loaded.context("the list of erased sessions can't be read")?;
        Ok(erased)
    }

    /// Fills a view, while the job and the caller hear how far it is.
    async fn followed<T>(
        &mut self,
        fill: impl AsyncFnOnce(Report<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let (said, mut progress) = watch::channel(Progress::default());
        let report = move |progress: Progress| {
            said.send_replace(progress);
        };
        let report: Report<'_> = &report;
        let mut filling = std::pin::pin!(fill(report));
        // A statement over a whole table says nothing for long: the job lives by this.
        let mut alive = tokio::time::interval(STEP_EVERY);
        let filled = loop {
            tokio::select! {
                filled = &mut filling => break filled?,
                _ = progress.changed() => {}
                _ = alive.tick() => {}
            }
            let now = progress.borrow_and_update().clone();
            if !now.phase.is_empty() {
                (self.heard)(&now);
                self.job.note(now).await?;
            }
        };
        self.still.check().await?;
        Ok(filled)
    }

    async fn switching(&mut self) -> anyhow::Result<()> {
        let switching = Progress::of("switching", None);
        (self.heard)(&switching);
        self.job.note(switching).await?;
        failpoint::step("rebuild-switch");
        Ok(())
    }

    /// Nobody may have written to what was just replaced.
    async fn switched(&self) -> anyhow::Result<()> {
        if let Err(moved) = self.still.check().await {
            bail!(
                "{moved:#}; the new view is read already, and the old one may have been written to at the switch: rebuild \
                 once more"
            );
        }
        Ok(())
    }
}
