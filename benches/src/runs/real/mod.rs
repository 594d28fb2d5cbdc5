//! The roles over the real engines, each beside what its engine does without it: edge to Kafka, Kafka to ClickHouse, to
//! Elasticsearch, to S3, all together, and what intents cost.
//!
//! A file a figure. `stage` holds the engines of `infra/dev` and installations over them, `drain` has a `process` work
//! off a log. **Invariant:** a figure and its bound are of the same records, in the same run, on engines that did nothing
//! else meanwhile. **Bound:** the load is so many raw bytes, each wait has a limit with a name.

mod analytics;
mod blocks;
mod drain;
mod edge;
mod formats;
mod intents;
mod lag;
mod raw_producer;
mod rebuild;
mod replay;
mod search;
mod sink;
mod stage;
mod standstill;
mod together;

use clap::ValueEnum;
use hindsight_benches::corpus::Corpus;
use hindsight_benches::report::Report;

use super::describe;
use crate::{Part, Real, Roles};
use stage::Stage;

/// Requests in flight of a bound: as many as a view has lanes.
const IN_FLIGHT: usize = 8;

/// What the log holds, and so what each view is measured by.
struct Load {
    /// Batches, one a record.
    records: f64,
    raw_megabytes: f64,
    events: f64,
}

impl Load {
    /// MB of raw JSON a second, where so many records are done in one.
    fn megabytes(&self, records_per_s: f64) -> f64 {
        self.raw_megabytes / self.records * records_per_s
    }

    /// Events a second, likewise.
    fn events(&self, records_per_s: f64) -> f64 {
        self.events / self.records * records_per_s
    }
}

pub(crate) fn run(real: &Real) -> anyhow::Result<()> {
    let mut report = Report::new();
    report.note("engines as infra/dev starts them, one of each, on the same cores");
    report.note("per core: divided by the user and system time of the role's process; wall: everything on the same cores, engines included");
    let stage = Stage::start()?;
    let wanted = |part| real.only.is_none_or(|only| only == part);
    if wanted(Part::Recordings) {
        recordings(&stage, real, &mut report)?;
    }
    if wanted(Part::Audit) {
        search::run(&stage, real.audit_events, &mut report)?;
    }
    if wanted(Part::Intents) {
        intents::run(&stage, &mut report)?;
    }
    let part = real.only.and_then(|part| part.to_possible_value());
    let name = part.map_or_else(|| "real".to_owned(), |part| format!("real-{}", part.get_name()));
    report.write(&real.source.out, &name)
}

fn recordings(stage: &Stage, real: &Real, report: &mut Report) -> anyhow::Result<()> {
    let corpus = Corpus::of_flushes(&real.source.corpus)?;
    describe(report, "flushes", &corpus);
    report.note(format!(
        "the log: {} MB of raw JSON in 8 partitions",
        real.megabytes
    ));
    let (filled, copied) = (stage.site("filled")?, stage.site("copied")?);
    drain::begin(stage, &filled)?;
    drain::begin(stage, &copied)?;
    let load = edge::run(stage, [&filled, &copied], &corpus, real, report)?;
    let tables = analytics::run(stage, &filled, &load, report)?;
    let objects = replay::run(stage, &filled, &load, report)?;
    rebuild::run(stage, &filled, &load, tables, report)?;
    drop(filled);
    together::run(stage, &copied, &load, [tables, objects], report)
}

/// What roles need while they are far behind, and how long lanes stand when a role goes.
pub(crate) fn run_roles(roles: &Roles) -> anyhow::Result<()> {
    let mut report = Report::new();
    let corpus = Corpus::of_flushes(&roles.source.corpus)?;
    describe(&mut report, "flushes", &corpus);
    let stage = Stage::start()?;
    standstill::run(&stage, &corpus, roles, &mut report)?;
    lag::run(&stage, roles, &mut report)?;
    report.write(&roles.source.out, "roles")
}
