//! `hindsight rebuild analytics` over a full log, beside reading the log and inserting the same rows one after the other.
//!
//! The clock runs over the whole command: its start, the log, the comparison of old and new, the switch.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_benches::watch::mib;
use hindsight_chaos::installation::binary;
use hindsight_schemas::ids::Topic;

use super::Load;
use super::stage::{Site, Stage};

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// `inserts`: what ClickHouse does by itself, MB of raw JSON a second.
pub(super) fn run(
    stage: &Stage,
    site: &Site,
    load: &Load,
    inserts: f64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let records = stage.wait(site.records(Topic::Recordings))?;
    let read = load.raw_megabytes / started.elapsed().as_secs_f64();
    drop(records);
    let bound = 1.0 / (1.0 / read + 1.0 / inserts);
    let (took, peak_mib) = rebuild(site)?;
    report.row("raw read of the log, wall", read, "MB/s raw");
    report
        .row(
            "rebuild of analytics: wall",
            load.raw_megabytes / took.as_secs_f64(),
            "MB/s raw",
        )
        .beside("raw read, then ClickHouse's own insert of the same rows", bound)
        .to_reach("at least 0.60 of the bound");
    report.row("rebuild of analytics: peak memory (RSS)", peak_mib, "MiB");
    Ok(())
}

/// How long the command takes, and its peak memory.
fn rebuild(site: &Site) -> anyhow::Result<(Duration, f64)> {
    let started = Instant::now();
    let mut command = Command::new(binary());
    command
        .args(["rebuild", "analytics", "--config"])
        .arg(&site.installation.config)
        // Of the embedded engine, which others of this run are.
        .env_remove("HINDSIGHT_LIBCHDB")
        .stdout(Stdio::null());
    let mut child = command.spawn().context("the rebuild can't be started")?;
    let mut peak_mib: f64 = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // Gone between the two looks is gone at the next.
        if let Ok(memory) = Process(child.id()).memory() {
            peak_mib = peak_mib.max(mib(memory.peak_rss));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    anyhow::ensure!(status.success(), "the rebuild ended with {status}");
    Ok((started.elapsed(), peak_mib))
}
