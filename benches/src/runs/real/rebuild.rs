//! `hindsight rebuild analytics` over a full log, beside reading the log and inserting the same rows one after the other.
//!
//! The clock runs over the whole command: its start, the log, the comparison of old and new, the switch. What it says of its
//! progress tells the parts.

use std::io::{BufRead, BufReader};
use std::process::{ChildStderr, Command, Stdio};
use std::thread::JoinHandle;
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
    let rebuilt = rebuild(site)?;
    report.row("raw read of the log, wall", read, "MB/s raw");
    report
        .row(
            "rebuild of analytics: wall",
            load.raw_megabytes / rebuilt.took.as_secs_f64(),
            "MB/s raw",
        )
        .beside("raw read, then ClickHouse's own insert of the same rows", bound)
        .to_reach("at least 0.60 of the bound");
    let log = rebuilt.log_read.saturating_sub(rebuilt.begun);
    report
        .row(
            "rebuild of analytics: from its first record to its last, wall",
            load.raw_megabytes / log.as_secs_f64(),
            "MB/s raw",
        )
        .beside("raw read, then ClickHouse's own insert of the same rows", bound);
    report.row(
        "rebuild of analytics: before its first record",
        rebuilt.begun.as_secs_f64(),
        "s",
    );
    report.row(
        "rebuild of analytics: after its last record",
        rebuilt.took.saturating_sub(rebuilt.log_read).as_secs_f64(),
        "s",
    );
    report.row("rebuild of analytics: peak memory (RSS)", rebuilt.peak_mib, "MiB");
    Ok(())
}

/// A rebuild, from the start of the command.
struct Rebuilt {
    /// Until it began with the log.
    begun: Duration,
    /// Until it had all of the log.
    log_read: Duration,
    /// Until the command ended.
    took: Duration,
    peak_mib: f64,
}

fn rebuild(site: &Site) -> anyhow::Result<Rebuilt> {
    let started = Instant::now();
    let mut command = Command::new(binary());
    command
        .args(["rebuild", "analytics", "--config"])
        .arg(&site.installation.config)
        // Of the embedded engine, which others of this run are.
        .env_remove("HINDSIGHT_LIBCHDB")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("the rebuild can't be started")?;
    let parts = parts(child.stderr.take().context("it has a pipe")?, started);
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
    let took = started.elapsed();
    anyhow::ensure!(status.success(), "the rebuild ended with {status}");
    let parts = parts.join().ok().context("its lines could not be read")?;
    let first = |wanted: &str| {
        let part = parts.iter().find(|(line, _)| line.starts_with(wanted));
        part.map(|(_, at)| *at)
            .with_context(|| format!("the rebuild said nothing of {wanted:?}"))
    };
    Ok(Rebuilt {
        begun: first("log ")?,
        log_read: first("sessions from objects")?,
        took,
        peak_mib,
    })
}

/// What it says, and when; errors are passed on.
fn parts(said: ChildStderr, started: Instant) -> JoinHandle<Vec<(String, Duration)>> {
    std::thread::spawn(move || {
        let lines = BufReader::new(said).lines().map_while(Result::ok);
        lines
            .map(|line| {
                eprintln!("{line}");
                (line, started.elapsed())
            })
            .collect()
    })
}
