//! `clients`: the figures that the clients' own benchmarks found, each in its language, as one report.

use std::path::Path;

use anyhow::Context;
use hindsight_benches::report::Report;
use serde::Deserialize;

/// One line of figures.
#[derive(Debug, Deserialize)]
struct Line {
    client: String,
    figure: String,
    #[serde(default)]
    calls: u64,
    #[serde(default)]
    cpu_us: f64,
    #[serde(default)]
    mean_us: f64,
    #[serde(default)]
    p50_us: f64,
    #[serde(default)]
    p99_us: f64,
    #[serde(default)]
    p999_us: f64,
    #[serde(default)]
    per_s: f64,
    #[serde(default)]
    lost: u64,
}

/// What each client's benchmark sends at: calls a second, and what is asked of it.
const AIMS: &[(&str, u32, &str)] = &[
    ("java", 10_000, "under 20"),
    ("rust", 10_000, ""),
    ("node", 5_000, ""),
];

/// Writes the report.
pub(crate) fn run(figures: &Path, out: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(figures).with_context(|| figures.display().to_string())?;
    let lines: Vec<Line> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut report = Report::new();
    report.note("one thread calls at a pace; each call is timed by itself; the event has an order of 10 fields and 3 lines before and after, of which one is masked");
    report.note("without a client: the order is made, and that is all; JSON alone: before and after are written as JSON, nothing is masked or sent");
    for (client, pace, aim) in AIMS {
        let of_client: Vec<&Line> = lines.iter().filter(|line| line.client == *client).collect();
        if !of_client.is_empty() {
            of_one(&mut report, client, *pace, aim, &of_client);
        }
    }
    report.write(out, "clients")
}

fn of_one(report: &mut Report, client: &str, pace: u32, aim: &str, lines: &[&Line]) {
    let find = |figure: &str| lines.iter().find(|line| line.figure == figure);
    let json_alone = find("json_alone").map_or(f64::NAN, |line| line.mean_us);
    if let Some(bare) = find("without_client") {
        report.row(format!("{client}, without a client: mean"), bare.mean_us, "us");
    }
    if find("json_alone").is_some() {
        report.row(format!("{client}, JSON alone: mean"), json_alone, "us");
    }
    if let Some(call) = find("call") {
        let name = |share: &str| {
            format!(
                "{client}, {} calls at {pace}/s on the caller's thread: {share}",
                call.calls
            )
        };
        let mean = report
            .row(name("mean"), call.mean_us, "us")
            .beside("JSON alone", json_alone);
        if !aim.is_empty() {
            mean.to_reach(aim);
        }
        let cpu_of_bare = find("without_client").map_or(f64::NAN, |line| line.cpu_us);
        if call.cpu_us > 0.0 {
            report
                .row(name("CPU time a call, pacing included"), call.cpu_us, "us")
                .beside("without a client", cpu_of_bare);
        }
        report.row(name("p50"), call.p50_us, "us");
        report.row(name("p99"), call.p99_us, "us");
        report.row(name("p99.9"), call.p999_us, "us");
    }
    if let Some(post) = find("one_post") {
        report.row(
            format!("{client}, one POST a call instead: mean"),
            post.mean_us,
            "us",
        );
    }
    if let Some(kept) = find("kept") {
        report
            .row(
                format!("{client}, events kept by the edge"),
                kept.per_s,
                "events/s",
            )
            .beside("the pace", f64::from(pace));
        report
            .row(format!("{client}, events lost"), kept.lost as f64, "events")
            .to_reach("0");
    }
}
