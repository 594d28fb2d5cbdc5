//! A `hindsight process` works off what a log holds.
//!
//! **Invariant:** the clock runs from the last look at which nothing was done: before that the group's members find each
//! other, for which a broker waits some seconds whatever there is to do. The figure is taken at the first look at which [`SHARE`] is done: the last ranges of a log that nobody writes to wait
//! for their age, by design. What a range has written counts when its group's commit says so, so ranges in flight don't.
//! **Bound:** [`DRAINED_WITHIN`].

use std::time::{Duration, Instant};

use hindsight_benches::probe;
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_benches::watch::mib;
use hindsight_engines::log::EventLog;
use hindsight_processors::delivery::group;
use hindsight_schemas::ids::{Offset, Partition, Topic};

use super::Load;
use super::stage::{Site, Stage, VIEW_GENERATION};
use super::together::VIEWS;

/// What views are made of; replays of the first alone.
const TOPICS: [Topic; 2] = [Topic::Recordings, Topic::Audit];
/// The share of the records at which the figure is taken.
const SHARE: f64 = 0.85;
const LOOK_EVERY: Duration = Duration::from_millis(100);
const DRAINED_WITHIN: Duration = Duration::from_secs(600);

/// How fast it was.
pub(super) struct Drained {
    /// Records a second.
    pub(super) per_s: f64,
    /// Records in a second of the role's CPU time.
    pub(super) per_core: f64,
    /// Cores that the role kept busy.
    pub(super) role_cores: f64,
    /// Cores that ClickHouse kept busy.
    pub(super) clickhouse_cores: f64,
    /// Most that was ever resident of the role.
    pub(super) peak_mib: f64,
    ranges: Ranges,
}

/// In what pieces it was written, and where their time went.
#[derive(Default)]
struct Ranges {
    mean_kib: f64,
    /// Materializer, stage, and its mean in ms.
    stages: Vec<(String, String, f64)>,
}

impl Ranges {
    fn of(metrics: &str) -> Self {
        let count = |name| probe::counted(metrics, name);
        let mean = count("hindsight_lane_bytes_total") / count("hindsight_lane_ranges_total");
        Self {
            mean_kib: mean / 1024.0,
            stages: probe::stages(metrics),
        }
    }
}

impl Drained {
    /// What a view of recordings cost.
    pub(super) fn tell(&self, load: &Load, name: &str, report: &mut Report) {
        let per_core = load.megabytes(self.per_core);
        report.row(format!("{name}: per core of `process`"), per_core, "MB/s raw");
        self.tell_cost(name, report);
    }

    /// What it cost.
    pub(super) fn tell_cost(&self, name: &str, report: &mut Report) {
        report.row(format!("{name}: cores of `process`"), self.role_cores, "cores");
        let clickhouse = self.clickhouse_cores;
        report.row(format!("{name}: cores of ClickHouse"), clickhouse, "cores");
        let peak = self.peak_mib;
        report.row(format!("{name}: peak memory of `process` (RSS)"), peak, "MiB");
        let mean = self.ranges.mean_kib;
        report.row(format!("{name}: records of a range, mean"), mean, "KiB");
        for (view, stage, took) in &self.ranges.stages {
            report.row(format!("{name}: {view}, {stage} of a range, mean"), *took, "ms");
        }
    }
}

/// Runs `process`, with `--only` these views, until they have done all of a topic.
pub(super) fn drain(
    stage: &Stage,
    site: &Site,
    views: &[&str],
    only: &[&str],
    topic: Topic,
) -> anyhow::Result<Drained> {
    let backlog = Backlog::of(stage, site, views, topic)?;
    let mut role = stage.wait(site.installation.start("process", "", only));
    let process = Process(role.id());
    let began = Instant::now();
    let mut start = Look::now(stage, &backlog, process, site)?;
    let mut taken = None;
    loop {
        std::thread::sleep(LOOK_EVERY);
        let look = Look::now(stage, &backlog, process, site)?;
        let waited = began.elapsed();
        anyhow::ensure!(
            waited < DRAINED_WITHIN,
            "{views:?} did {} of {} records in {waited:?}",
            look.done,
            backlog.all()
        );
        if look.done == 0 {
            start = look;
            continue;
        }
        if taken.is_none() && look.done as f64 >= SHARE * backlog.all() as f64 {
            taken = Some(since(&start, &look, views.len()));
        }
        if look.done >= backlog.all() {
            break;
        }
    }
    let peak_mib = mib(process.memory()?.peak_rss);
    let metrics = stage.wait(role.metrics())?;
    stage.wait(site.installation.drain(&mut role))?;
    let drained = taken.expect("all is more than a share");
    Ok(Drained {
        peak_mib,
        ranges: Ranges::of(&metrics),
        ..drained
    })
}

/// Has all views begin while the log is empty, as they do in production. Without a commit nobody knows what was written
/// before, so each range would be settled: read back, written, read back.
pub(super) fn begin(stage: &Stage, site: &Site) -> anyhow::Result<()> {
    let mut role = stage.wait(site.installation.start("process", "", &[]));
    let began = Instant::now();
    let lanes = VIEWS.into_iter().flat_map(|view| {
        let topics = if view == "replay" { &TOPICS[..1] } else { &TOPICS };
        let partitions = topics.iter().flat_map(|topic| site.partitions(*topic));
        partitions.map(move |partition| (group(view, VIEW_GENERATION), partition))
    });
    for (group, partition) in lanes {
        while stage.wait(site.log.committed(&group, partition))?.is_none() {
            anyhow::ensure!(
                began.elapsed() < DRAINED_WITHIN,
                "{group} does not commit {partition}"
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }
    stage.wait(site.installation.drain(&mut role))
}

/// What there is to do, each record once for each view.
struct Backlog<'a> {
    site: &'a Site,
    groups: Vec<String>,
    ends: Vec<(Partition, Offset)>,
}

impl<'a> Backlog<'a> {
    fn of(stage: &Stage, site: &'a Site, views: &[&str], topic: Topic) -> anyhow::Result<Self> {
        let mut ends = Vec::new();
        for partition in site.partitions(topic) {
            ends.push((partition, stage.wait(site.log.offsets(partition))?.1));
        }
        Ok(Self {
            site,
            groups: views.iter().map(|view| group(view, VIEW_GENERATION)).collect(),
            ends,
        })
    }

    fn all(&self) -> u64 {
        self.ends.iter().map(|(_, end)| end).sum::<u64>() * self.groups.len() as u64
    }

    async fn done(&self) -> anyhow::Result<u64> {
        let mut done = 0;
        for group in &self.groups {
            for (partition, _) in &self.ends {
                let committed = self.site.log.committed(group, *partition).await?;
                done += committed.map_or(0, |committed| committed.offset);
            }
        }
        Ok(done)
    }
}

/// How far everything is at a moment.
struct Look {
    at: Instant,
    done: u64,
    role: Duration,
    clickhouse: Duration,
}

impl Look {
    fn now(stage: &Stage, backlog: &Backlog, role: Process, site: &Site) -> anyhow::Result<Self> {
        Ok(Self {
            done: stage.wait(backlog.done())?,
            at: Instant::now(),
            role: role.cpu()?,
            clickhouse: site.clickhouse().cpu()?,
        })
    }
}

fn since(start: &Look, end: &Look, views: usize) -> Drained {
    let seconds = (end.at - start.at).as_secs_f64();
    let records = (end.done - start.done) as f64 / views as f64;
    let role = (end.role - start.role).as_secs_f64();
    Drained {
        per_s: records / seconds,
        per_core: records / role,
        role_cores: role / seconds,
        clickhouse_cores: (end.clickhouse - start.clickhouse).as_secs_f64() / seconds,
        peak_mib: 0.0,
        ranges: Ranges::default(),
    }
}
