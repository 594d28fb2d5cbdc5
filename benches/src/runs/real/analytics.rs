//! Kafka to ClickHouse: `process --only analytics` over a full log, beside ClickHouse's own insert of the same rows in the
//! same format.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_engines::analytics::{Analytics, InsertBlock};
use hindsight_schemas::ids::Topic;

use super::blocks::blocks;
use super::drain::drain;
use super::formats;
use super::stage::{Site, Stage};
use super::{IN_FLIGHT, Load};

/// What ClickHouse does by itself, MB of raw JSON a second.
pub(super) fn run(stage: &Stage, site: &Site, load: &Load, report: &mut Report) -> anyhow::Result<f64> {
    let records = stage.wait(site.records(Topic::Recordings))?;
    let blocks = stage.wait(blocks(records, site.store.clone()))?;
    describe(&blocks, report);
    let compressed = bare(stage, "bare-compressed", true, &blocks)?;
    let plain = bare(stage, "bare-plain", false, &blocks)?;
    formats::run(stage, &blocks, load, report)?;
    let drained = drain(
        stage,
        site,
        &["analytics"],
        &["--only", "analytics"],
        Topic::Recordings,
    )?;
    let rate = |bare: &Bare| load.raw_megabytes / bare.elapsed.as_secs_f64();
    let bound = rate(&compressed);
    let of_bound = "ClickHouse's own insert of the same rows";
    report.row(format!("{of_bound}, wall"), bound, "MB/s raw");
    report.row(
        format!("{of_bound}, not compressed on the wire, wall"),
        rate(&plain),
        "MB/s raw",
    );
    report.row(
        format!("{of_bound}: cores of ClickHouse"),
        compressed.clickhouse.as_secs_f64() / compressed.elapsed.as_secs_f64(),
        "cores",
    );
    report
        .row(
            "Kafka to ClickHouse: wall",
            load.megabytes(drained.per_s),
            "MB/s raw",
        )
        .beside(of_bound, bound)
        .to_reach("at least 0.60 of the bound");
    report.row(
        "Kafka to ClickHouse: wall",
        load.events(drained.per_s),
        "events/s",
    );
    drained.tell(load, "Kafka to ClickHouse", report);
    Ok(bound)
}

fn describe(blocks: &[InsertBlock], report: &mut Report) {
    let rows: usize = blocks.iter().map(|block| block.row_count).sum();
    let bytes: usize = blocks.iter().map(|block| block.rows.len()).sum();
    report.note(format!(
        "rows: {rows} in {} blocks, {:.1} MB of RowBinary",
        blocks.len(),
        bytes as f64 / 1e6
    ));
}

/// What the inserts took.
struct Bare {
    elapsed: Duration,
    clickhouse: Duration,
}

/// Inserts all blocks into an empty ClickHouse.
fn bare(stage: &Stage, name: &str, compression: bool, blocks: &[InsertBlock]) -> anyhow::Result<Bare> {
    let (clickhouse, engine) = stage.wait(stage.bare_clickhouse(name, compression))?;
    let process = Process(clickhouse.id());
    let (started, before) = (Instant::now(), process.cpu()?);
    let each = stream::iter(blocks).map(Ok);
    stage.wait(each.try_for_each_concurrent(IN_FLIGHT, |block| engine.insert(block)))?;
    Ok(Bare {
        elapsed: started.elapsed(),
        clickhouse: process.cpu()? - before,
    })
}
