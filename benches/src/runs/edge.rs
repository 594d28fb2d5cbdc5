//! The edge alone, durable: raw JSON and events a core, beside inflate + validate alone and raw append alone.

use std::sync::mpsc::channel;
use std::time::Duration;

use hindsight_benches::bounds;
use hindsight_benches::corpus::Corpus;
use hindsight_benches::edge::{EdgeProcess, KEY};
use hindsight_benches::load::{Load, Sent, Until, send};
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_benches::spread::{Spread, median};

use super::describe;
use crate::Over;

/// Runs of which the median counts.
const RUNS: usize = 3;
/// As an append of the log is at this load: some batches share a sync.
const RAW_APPEND_BYTES: usize = 64 * 1024;
const RAW_APPENDS: usize = 300;

pub(crate) fn run(over: &Over) -> anyhow::Result<()> {
    let mut report = Report::new();
    let flushes = Corpus::of_flushes(&over.source.corpus)?;
    let small = Corpus::of_small_events(&over.source.corpus)?;
    describe(&mut report, "flushes", &flushes);
    describe(&mut report, "batches of 100 events that are no snapshots", &small);
    report.note(format!(
        "per core: divided by the user and system time of the edge's process, HTTP, log and fsync included; {} connections, {RUNS} runs of {} s, the median counts",
        over.source.connections, over.seconds
    ));

    let inflate = bounds::megabytes_per_core(&flushes, bounds::inflate);
    let validate = bounds::megabytes_per_core(&flushes, bounds::inflate_and_validate);
    let scan = bounds::megabytes_per_core(&flushes, bounds::inflate_and_scan);
    report.row("inflate alone, per core", inflate, "MB/s raw");
    report.row("inflate + validate alone, per core", validate, "MB/s raw");
    report.row(
        "inflate + validate + SHA-256 of each event, per core",
        scan,
        "MB/s raw",
    );
    let append = bounds::raw_append(RAW_APPEND_BYTES, RAW_APPENDS)?;
    let append = Spread::of_times(&append.times);
    report.row(
        "append of 64 KiB to a file and fdatasync alone, p50",
        append.p50,
        "ms",
    );

    let figures = measure(&flushes, over)?;
    report
        .row(
            "edge, durable, flushes: raw JSON per core",
            figures.megabytes_per_core,
            "MB/s",
        )
        .beside("inflate + validate alone", validate)
        .to_reach("at least 250 and at least half of the bound");
    report.row(
        "edge, durable, flushes: raw JSON, wall",
        figures.megabytes_wall,
        "MB/s",
    );
    report.row(
        "edge, durable, flushes: events per core",
        figures.events_per_core,
        "events/s",
    );
    answered(&mut report, "flushes", figures.answers, append.p50);

    let bound = bounds::megabytes_per_core(&small, bounds::inflate_and_validate);
    let events_per_byte = small.events() as f64 / small.raw_bytes() as f64;
    let figures = measure(&small, over)?;
    report
        .row(
            "edge, durable, 100-event batches: events per core",
            figures.events_per_core,
            "events/s",
        )
        .beside("inflate + validate alone", bound * 1e6 * events_per_byte)
        .to_reach("at least 100,000");
    report
        .row(
            "edge, durable, 100-event batches: raw JSON per core",
            figures.megabytes_per_core,
            "MB/s",
        )
        .beside("inflate + validate alone", bound);
    answered(&mut report, "100-event batches", figures.answers, append.p50);
    report.write(&over.source.out, "edge")
}

fn answered(report: &mut Report, name: &str, answers: Spread, append_ms: f64) {
    report
        .row(
            format!("edge, {name}: send to 202 at full speed, p50"),
            answers.p50,
            "ms",
        )
        .beside("raw append p50", append_ms);
    report.row(
        format!("edge, {name}: send to 202 at full speed, p99"),
        answers.p99,
        "ms",
    );
}

struct Figures {
    megabytes_per_core: f64,
    megabytes_wall: f64,
    events_per_core: f64,
    answers: Spread,
}

fn measure(corpus: &Corpus, over: &Over) -> anyhow::Result<Figures> {
    let runs: Vec<(Sent, Duration)> = (0..RUNS)
        .map(|_| once(corpus, over))
        .collect::<anyhow::Result<_>>()?;
    let of = |figure: &dyn Fn(&Sent, &Duration) -> f64| {
        median(
            &runs
                .iter()
                .map(|(sent, cpu)| figure(sent, cpu))
                .collect::<Vec<_>>(),
        )
    };
    let answers: Vec<Duration> = runs
        .iter()
        .flat_map(|(sent, _)| sent.answer_times.iter().copied())
        .collect();
    Ok(Figures {
        megabytes_per_core: of(&|sent, cpu| sent.raw_bytes as f64 / 1e6 / cpu.as_secs_f64()),
        megabytes_wall: of(&|sent, _| sent.raw_bytes as f64 / 1e6 / sent.elapsed.as_secs_f64()),
        events_per_core: of(&|sent, cpu| sent.events as f64 / cpu.as_secs_f64()),
        answers: Spread::of_times(&answers),
    })
}

fn once(corpus: &Corpus, over: &Over) -> anyhow::Result<(Sent, Duration)> {
    let edge = EdgeProcess::start()?;
    let load = Load {
        connections: over.source.connections,
        bytes_per_s: None,
        until: Until::Elapsed(Duration::from_secs(over.seconds)),
        watched_every: usize::MAX,
    };
    let before = (edge.process().cpu()?, Process::this().cpu()?);
    let sent = send(edge.address, KEY, corpus, load, &channel().0)?;
    let cpu = edge.process().cpu()? - before.0;
    let memory = edge.process().memory()?;
    println!(
        "  {} batches, {} refused, {:.1} s of CPU in {:.1} s, generator {:.1} s, peak {} MiB",
        sent.batches,
        sent.refused,
        cpu.as_secs_f64(),
        sent.elapsed.as_secs_f64(),
        (Process::this().cpu()? - before.1).as_secs_f64(),
        memory.peak_rss >> 20,
    );
    Ok((sent, cpu))
}
