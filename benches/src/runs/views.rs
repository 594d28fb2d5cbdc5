//! The whole, `hindsight up` with all views: what it takes in and works off at full speed, and how long a batch is on
//! its way at a pace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use hindsight_benches::bounds;
use hindsight_benches::client::Client;
use hindsight_benches::corpus::Corpus;
use hindsight_benches::load::{Load, Sent, Until, Watched, send};
use hindsight_benches::probe;
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_benches::server::Server;
use hindsight_benches::spread::Spread;
use hindsight_benches::watch::{self, Sample};

use super::describe;
use crate::Views;

/// Views that are further behind than this at the end of the load have failed.
const DRAIN_WITHIN: Duration = Duration::from_secs(180);
/// Batches watched a second at the pace, about: 300 of a minute, so that a p99 is more than the worst one.
const WATCHED_PER_S: f64 = 5.0;
/// Of these each so many is followed to the player too: each question there is a manifest made for one viewer alone, and
/// viewers come by the minute, not by the batch.
const PLAYED_EVERY: usize = 4;

pub(crate) fn run(views: &Views) -> anyhow::Result<()> {
    let mut report = Report::new();
    let corpus = Corpus::of_flushes(&views.paced.over.source.corpus)?;
    describe(&mut report, "flushes", &corpus);
    report.note(format!(
        "sessions are closed and compacted after {} s of silence (replay.close_after_seconds), at zstd level 3",
        views.close_after
    ));
    let validate = bounds::megabytes_per_core(&corpus, bounds::inflate_and_validate);
    report.row("inflate + validate alone, per core", validate, "MB/s raw");
    paced(views, &corpus, &mut report)?;
    full_speed(views, &corpus, &mut report)?;
    report.write(&views.paced.over.source.out, "views")
}

/// What a load cost.
struct Cost {
    sent: Sent,
    /// From the first request until the views had everything.
    elapsed: Duration,
    up: Duration,
    child: Duration,
    generator: Duration,
    samples: Vec<Sample>,
    drained: Duration,
}

fn full_speed(views: &Views, corpus: &Corpus, report: &mut Report) -> anyhow::Result<()> {
    let server = start(views)?;
    let load = Load {
        connections: views.paced.over.source.connections,
        bytes_per_s: None,
        until: Until::Elapsed(Duration::from_secs(views.paced.over.seconds / 3)),
        watched_every: usize::MAX,
    };
    let cost = under_load(&server, corpus, load, &channel().0)?;
    let megabytes = cost.sent.raw_bytes as f64 / 1e6;
    let cores = (cost.up + cost.child).as_secs_f64();
    report.row(
        "full speed: taken in, wall",
        megabytes / cost.sent.elapsed.as_secs_f64(),
        "MB/s raw",
    );
    report
        .row(
            "full speed: in all views, wall, load generator included",
            megabytes / cost.elapsed.as_secs_f64(),
            "MB/s raw",
        )
        .to_reach(format!("at least {}", views.paced.pace));
    report.row(
        "full speed: in all views, per core (up and ClickHouse)",
        megabytes / cores,
        "MB/s raw",
    );
    report.row(
        "full speed: in all views, per core (up and ClickHouse)",
        cost.sent.events as f64 / cores,
        "events/s",
    );
    Ok(())
}

fn start(views: &Views) -> anyhow::Result<Server> {
    let close_after = views.close_after.to_string();
    Server::start(
        &views.paced.hindsight,
        &[("HINDSIGHT_REPLAY__CLOSE_AFTER_SECONDS", &close_after)],
    )
}

fn paced(views: &Views, corpus: &Corpus, report: &mut Report) -> anyhow::Result<()> {
    let server = start(views)?;
    let pace = views.paced.pace * 1e6;
    let batches_per_s = pace / (corpus.raw_bytes() as f64 / corpus.batches.len() as f64);
    let load = Load {
        connections: views.paced.over.source.connections,
        bytes_per_s: Some(pace),
        until: Until::Elapsed(Duration::from_secs(views.paced.over.seconds)),
        watched_every: (batches_per_s / WATCHED_PER_S).ceil() as usize,
    };
    let (table, table_told) = channel();
    let (player, player_told) = channel();
    let (watched, told) = channel::<Watched>();
    let (cost, stages, queryable, playable) = thread::scope(|scope| {
        let (address, token) = (server.address, server.admin_token.as_str());
        scope.spawn(move || {
            for (number, batch) in told.into_iter().enumerate() {
                // A prober that failed says so itself.
                if number % PLAYED_EVERY == 0 {
                    let _ = player.send(batch.clone());
                }
                let _ = table.send(batch);
            }
        });
        let queryable = scope.spawn(move || probe::queryable(address, token, &table_told));
        let playable = scope.spawn(move || probe::playable(address, token, &player_told));
        let cost = under_load(&server, corpus, load, &watched);
        drop(watched);
        let metrics = probe::metrics(&mut Client::new(address, token));
        let joined = (
            queryable.join().expect("the prober doesn't panic"),
            playable.join().expect("the prober doesn't panic"),
        );
        anyhow::Ok((cost?, probe::stages(&metrics?), joined.0?, joined.1?))
    })?;
    tell(report, views.paced.pace, &cost);
    for (materializer, stage, mean) in stages {
        report.row(
            format!("paced: {materializer}, {stage} of a range, mean"),
            mean,
            "ms",
        );
    }
    for (name, times) in [("queryable by SQL", queryable), ("playable", playable)] {
        let spread = Spread::of_times(&times);
        report.row(
            format!("paced: 202 to {name}, p50 of {}", spread.samples),
            spread.p50,
            "ms",
        );
        report
            .row(
                format!("paced: 202 to {name}, p99 of {}", spread.samples),
                spread.p99,
                "ms",
            )
            .to_reach("under 3000");
    }
    Ok(())
}

fn tell(report: &mut Report, pace: f64, cost: &Cost) {
    let sent = &cost.sent;
    let seconds = sent.elapsed.as_secs_f64();
    let cores = |time: Duration| time.as_secs_f64() / cost.elapsed.as_secs_f64();
    report
        .row(
            "paced: raw JSON sent",
            sent.raw_bytes as f64 / 1e6 / seconds,
            "MB/s",
        )
        .beside("the pace", pace);
    report.row("paced: events sent", sent.events as f64 / seconds, "events/s");
    report.row("paced: refused and sent again", sent.refused as f64, "batches");
    let late = Spread::of_times(&sent.lateness);
    report.row("paced: a batch went out late by, p99", late.p99, "ms");
    report
        .row(
            "paced: views had everything after the last 202 by",
            cost.drained.as_secs_f64(),
            "s",
        )
        .to_reach("under 3 (asked twice, 0.6 s apart)");
    report.row("paced: CPU of `up`", cores(cost.up), "cores");
    report.row("paced: CPU of the ClickHouse child", cores(cost.child), "cores");
    report.row(
        "paced: CPU of load generator and probes",
        cores(cost.generator),
        "cores",
    );
    let answers = Spread::of_times(&sent.answer_times);
    report.row("paced: send to 202, p50", answers.p50, "ms");
    report.row("paced: send to 202, p99", answers.p99, "ms");
    let peak = |of: fn(&Sample) -> f64| cost.samples.iter().map(of).fold(0.0, f64::max);
    report
        .row(
            "paced: peak memory of `up` (RSS)",
            peak(|sample| sample.up_rss),
            "MiB",
        )
        .to_reach("under 300 MB");
    report.row(
        "paced: peak memory of `up` (PSS)",
        peak(|sample| sample.up_pss),
        "MiB",
    );
    report.row(
        "paced: peak memory of the ClickHouse child (RSS)",
        peak(|sample| sample.child_rss),
        "MiB",
    );
}

fn under_load(
    server: &Server,
    corpus: &Corpus,
    load: Load,
    watched: &Sender<Watched>,
) -> anyhow::Result<Cost> {
    let (up, child) = (server.up(), server.clickhouse()?);
    let before = (up.cpu()?, child.cpu()?, Process::this().cpu()?);
    let (started, stop) = (Instant::now(), AtomicBool::new(false));
    let (sent, drained, samples) = thread::scope(|scope| {
        let watch = watch::memory(scope, up, Some(child), &stop);
        let sent = send(server.address, &server.write_key, corpus, load, watched);
        let drained = probe::drained(server.address, &server.admin_token, DRAIN_WITHIN);
        stop.store(true, Ordering::Relaxed);
        let samples = watch.join().expect("the watch doesn't panic");
        anyhow::Ok((sent?, drained?, samples))
    })
    .map_err(|error| error.context(server.words()))?;
    Ok(Cost {
        sent,
        elapsed: started.elapsed(),
        up: up.cpu()? - before.0,
        child: child.cpu()? - before.1,
        generator: Process::this().cpu()? - before.2,
        samples,
        drained,
    })
}
