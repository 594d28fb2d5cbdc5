//! `hindsight scrub`: is each record of the log once in every view?

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use hindsight_processors::scrub::{Loss, Outcome, Passed, Progress};
use serde_json::json;

use super::{LibraryArgs, SettingsArgs};
use crate::logging;
use crate::operate::{safe, scrub::scrub, table};
use crate::settings::Overrides;

/// Ends so where a record is not in a view as promised.
const LOST: u8 = 8;
/// Between two lines about how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Look whether records of the log are exactly once in every view: a sample of each partition, or all that is kept.
///
/// `hindsight up` and `hindsight process` do so by themselves, a few records a minute. Only what every view has passed is
/// looked for. It changes nothing. A data folder must not be in use by a process.
///
/// Exit codes: 0 all is there, 8 something is missing, twice, different or unreadable, 1 a view did not answer for all, others
/// as for all commands.
#[derive(Debug, Args)]
pub(crate) struct Scrub {
    /// Records of each partition, at a place chosen at random.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    records: u64,
    /// All records that the log keeps.
    #[arg(long, conflicts_with = "records")]
    all: bool,
    /// As JSON lines: each loss {"view", "outcome", "topic", "partition", "offset", "identity", "remedy"}, then
    /// {"records": {view: {outcome: count}}, "cut"}.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Scrub {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        logging::start();
        let mut flags = Overrides::default();
        self.library.set(&mut flags);
        let settings = self.settings.load(flags)?.settings;
        let of_each = (!self.all).then_some(self.records);
        let mut told = Instant::now();
        let hear = |progress: Progress| {
            if told.elapsed() >= TOLD_EVERY {
                eprintln!("{} of {} offsets", progress.done, progress.of);
                told = Instant::now();
            }
        };
        let passed = tokio::runtime::Runtime::new()?.block_on(scrub(&settings, of_each, hear))?;
        if self.json {
            print_json(&passed);
        } else {
            print(&passed);
        }
        Ok(judged(&passed))
    }
}

fn judged(passed: &Passed) -> ExitCode {
    if !passed.losses.is_empty() {
        return ExitCode::from(LOST);
    }
    let unknown = passed.tally.sum(|outcome| outcome == Outcome::Unknown);
    if unknown > 0 {
        eprintln!(
            "hindsight: of {unknown} records it is not known whether a view has them; the lines above say why"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn print(passed: &Passed) {
    let counts = passed.tally.each().map(|(view, outcome, count)| {
        [
            view.as_str().to_owned(),
            outcome.as_str().to_owned(),
            count.to_string(),
        ]
    });
    table::print(["VIEW", "OUTCOME", "RECORDS"], &counts.collect::<Vec<_>>());
    if passed.losses.is_empty() {
        return;
    }
    println!();
    let rows: Vec<_> = passed.losses.iter().map(row).collect();
    table::print(
        ["VIEW", "OUTCOME", "PARTITION", "OFFSET", "IDENTITY", "REMEDY"],
        &rows,
    );
    if passed.cut {
        println!("and it was not looked further: the rest of the log is not compared");
    }
}

fn row(loss: &Loss) -> [String; 6] {
    [
        loss.view.as_str().to_owned(),
        loss.outcome.as_str().to_owned(),
        loss.position.partition.to_string(),
        loss.position.offset.to_string(),
        safe::line(&loss.identity),
        loss.remedy().to_owned(),
    ]
}

fn print_json(passed: &Passed) {
    for loss in &passed.losses {
        let partition = loss.position.partition;
        let line = json!({
            "view": loss.view.as_str(), "outcome": loss.outcome.as_str(), "topic": partition.topic.as_str(),
            "partition": partition.partition, "offset": loss.position.offset, "identity": loss.identity,
            "remedy": loss.remedy(),
        });
        println!("{line}");
    }
    let mut records = json!({});
    for (view, outcome, count) in passed.tally.each() {
        records[view.as_str()][outcome.as_str()] = count.into();
    }
    println!("{}", json!({ "records": records, "cut": passed.cut }));
}
