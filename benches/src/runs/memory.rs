//! The memory curve: `up` under a paced load of a million events, and again with its ClickHouse child stopped by
//! SIGSTOP before the load. Stopped it answers nothing and ends nothing: two of three views stand, the log grows, and
//! 202 goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use hindsight_benches::corpus::Corpus;
use hindsight_benches::load::{Load, Sent, Until, send};
use hindsight_benches::report::Report;
use hindsight_benches::server::Server;
use hindsight_benches::spread::Spread;
use hindsight_benches::watch::{self, Sample};
use rustix::process::Signal;

use super::describe;
use crate::Memory;

pub(crate) fn run(memory: &Memory) -> anyhow::Result<()> {
    let over = &memory.paced.over;
    let mut report = Report::new();
    let corpus = Corpus::of_flushes(&over.source.corpus)?;
    describe(&mut report, "flushes", &corpus);
    std::fs::create_dir_all(&over.source.out)?;
    let mut peaks = Vec::new();
    for (name, stopped) in [("all views running", false), ("ClickHouse stopped", true)] {
        let (sent, samples) = curve(memory, &corpus, stopped)?;
        let peak = |of: fn(&Sample) -> f64| samples.iter().map(of).fold(0.0, f64::max);
        let rss = peak(|sample| sample.up_rss);
        report.row(
            format!("{name}: events answered 202"),
            sent.events as f64,
            "events",
        );
        report.row(
            format!("{name}: pace held"),
            sent.raw_bytes as f64 / 1e6 / sent.elapsed.as_secs_f64(),
            "MB/s raw",
        );
        report.row(
            format!("{name}: refused and sent again"),
            sent.refused as f64,
            "batches",
        );
        report.row(
            format!("{name}: send to 202, p99"),
            Spread::of_times(&sent.answer_times).p99,
            "ms",
        );
        let row = report.row(format!("{name}: peak memory of `up` (RSS)"), rss, "MiB");
        row.to_reach("under 300 MB");
        if let Some(running) = peaks.first() {
            row.beside("with all views running", *running)
                .to_reach("under 300 MB, and no more than with all views running");
        }
        peaks.push(rss);
        report.row(
            format!("{name}: peak memory of `up` (PSS)"),
            peak(|sample| sample.up_pss),
            "MiB",
        );
        report.row(
            format!("{name}: peak memory of `up` (anonymous)"),
            peak(|sample| sample.up_anonymous),
            "MiB",
        );
        report.row(
            format!("{name}: peak memory of the ClickHouse child (RSS)"),
            peak(|sample| sample.child_rss),
            "MiB",
        );
        let file = if stopped {
            "memory-stopped.csv"
        } else {
            "memory-running.csv"
        };
        std::fs::write(over.source.out.join(file), lines(&samples))?;
    }
    report.write(&over.source.out, "memory")
}

fn curve(memory: &Memory, corpus: &Corpus, stopped: bool) -> anyhow::Result<(Sent, Vec<Sample>)> {
    let server = Server::start(&memory.paced.hindsight, &[])?;
    let (up, child) = (server.up(), server.clickhouse()?);
    if stopped {
        child.signal(Signal::STOP)?;
    }
    let load = Load {
        connections: memory.paced.over.source.connections,
        bytes_per_s: Some(memory.paced.pace * 1e6),
        until: Until::Events(memory.events),
        watched_every: usize::MAX,
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = watch::memory(scope, up, Some(child), &stop);
        let sent = send(server.address, &server.write_key, corpus, load, &channel().0);
        stop.store(true, Ordering::Relaxed);
        let samples = watch.join().expect("the watch doesn't panic");
        Ok((sent.map_err(|error| error.context(server.words()))?, samples))
    })
}

fn lines(samples: &[Sample]) -> String {
    let mut text = String::from("at_s,up_rss_mib,up_pss_mib,up_anonymous_mib,child_rss_mib\n");
    for sample in samples {
        text += &format!(
            "{:.1},{:.1},{:.1},{:.1},{:.1}\n",
            sample.at_s, sample.up_rss, sample.up_pss, sample.up_anonymous, sample.child_rss
        );
    }
    text
}
