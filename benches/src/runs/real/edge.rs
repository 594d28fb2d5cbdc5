//! Edge to acknowledged Kafka: `hindsight ingest` at full speed, beside what no edge can do without: inflating and
//! validating the same batches, and a bare idempotent producer of the same records.
//!
//! The log that it fills is what the views are measured by; the bare producer fills the one for all views together.

use std::sync::mpsc::channel;
use std::time::Duration;

use hindsight_benches::bounds;
use hindsight_benches::corpus::Corpus;
use hindsight_benches::load::{Load as Sending, Sent, Until, send};
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_benches::spread::{Spread, median};
use hindsight_benches::watch::mib;
use hindsight_chaos::installation::free_address;
use hindsight_schemas::ids::Topic;

use super::stage::{Site, Stage};
use super::{Load, raw_producer};
use crate::Real;

/// Loads of which the median counts; together they are the log.
const LOADS: usize = 3;
const TO_REACH: &str = "at least 0.70 of the bound";

/// Fills one installation's log by the edge, and another's by a bare producer.
pub(super) fn run(
    stage: &Stage,
    [filled, copied]: [&Site; 2],
    corpus: &Corpus,
    real: &Real,
    report: &mut Report,
) -> anyhow::Result<Load> {
    let (loads, peak_mib) = fill(stage, filled, corpus, real)?;
    let records = stage.wait(filled.records(Topic::Recordings))?;
    let load = Load {
        records: records.len() as f64,
        raw_megabytes: loads.iter().map(|(sent, _)| sent.raw_bytes).sum::<usize>() as f64 / 1e6,
        events: loads.iter().map(|(sent, _)| sent.events).sum::<usize>() as f64,
    };
    let topic = format!("{}.recordings", copied.name);
    let produced = raw_producer::produce(stage.brokers(), &topic, &records)?;
    let copies = stage.wait(copied.records(Topic::Recordings))?.len();
    anyhow::ensure!(
        copies == records.len(),
        "the bare producer lost records: {copies} of {}",
        records.len()
    );

    let validate = bounds::megabytes_per_core(corpus, bounds::inflate_and_validate);
    let scan = bounds::megabytes_per_core(corpus, bounds::inflate_and_scan);
    let produce = load.raw_megabytes / produced.cpu.as_secs_f64();
    let bound = 1.0 / (1.0 / validate + 1.0 / produce);
    let with_hash = 1.0 / (1.0 / scan + 1.0 / produce);
    let per_megabyte = load.events / load.raw_megabytes;
    let of = |figure: fn(&Sent, &Duration) -> f64| {
        let figures: Vec<f64> = loads.iter().map(|(sent, cpu)| figure(sent, cpu)).collect();
        median(&figures)
    };
    let megabytes = of(|sent, cpu| sent.raw_bytes as f64 / 1e6 / cpu.as_secs_f64());
    let wall = of(|sent, _| sent.raw_bytes as f64 / 1e6 / sent.elapsed.as_secs_f64());
    let both = "inflate + validate + bare producer";
    report.row("inflate + validate alone, per core", validate, "MB/s raw");
    report.row(
        "inflate + validate + SHA-256 of each event, per core",
        scan,
        "MB/s raw",
    );
    report.row(
        "bare idempotent producer of the same records, per core",
        produce,
        "MB/s raw",
    );
    report.row(
        "bare idempotent producer of the same records, wall",
        load.raw_megabytes / produced.elapsed.as_secs_f64(),
        "MB/s raw",
    );
    report
        .row("edge to acknowledged Kafka: per core", megabytes, "MB/s raw")
        .beside(both, bound)
        .to_reach(TO_REACH);
    report
        .row(
            "edge to acknowledged Kafka: per core, the hash of each record in the bound",
            megabytes,
            "MB/s raw",
        )
        .beside("inflate + validate + SHA-256 + bare producer", with_hash)
        .to_reach(TO_REACH);
    report
        .row(
            "edge to acknowledged Kafka: per core",
            megabytes * per_megabyte,
            "events/s",
        )
        .beside(both, bound * per_megabyte)
        .to_reach(TO_REACH);
    report.row(
        "edge to acknowledged Kafka: wall, load generator and broker on the same cores",
        wall,
        "MB/s raw",
    );
    let answers = loads.iter().flat_map(|(sent, _)| &sent.answer_times);
    let answers = Spread::of_times(&answers.copied().collect::<Vec<_>>());
    report.row(
        "edge to acknowledged Kafka: send to 202 at full speed, p50",
        answers.p50,
        "ms",
    );
    report.row(
        "edge to acknowledged Kafka: send to 202 at full speed, p99",
        answers.p99,
        "ms",
    );
    report.row("edge: peak memory (RSS)", peak_mib, "MiB");
    Ok(load)
}

/// Each load with the CPU time that the edge took for it; the edge's peak memory.
fn fill(
    stage: &Stage,
    site: &Site,
    corpus: &Corpus,
    real: &Real,
) -> anyhow::Result<(Vec<(Sent, Duration)>, f64)> {
    let address = free_address();
    let mut role = stage.wait(site.installation.start("ingest", &address, &[]));
    let process = Process(role.id());
    let sending = Sending {
        connections: real.source.connections,
        bytes_per_s: None,
        until: Until::RawBytes(real.megabytes * 1_000_000 / LOADS),
        watched_every: usize::MAX,
    };
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        let before = process.cpu()?;
        let key = &site.installation.write_key;
        let sent = send(address.parse()?, key, corpus, sending, &channel().0)?;
        loads.push((sent, process.cpu()? - before));
    }
    let peak_mib = mib(process.memory()?.peak_rss);
    stage.wait(site.installation.drain(&mut role))?;
    Ok((loads, peak_mib))
}
