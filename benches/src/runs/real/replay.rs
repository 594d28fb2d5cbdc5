//! Kafka to segments: `process --only replay` over a full log, beside bare puts of the objects that it made.

use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use hindsight_benches::report::Report;
use hindsight_engines::segments::{Prefix, Put, SegmentPath, SegmentStore};
use hindsight_schemas::ids::Topic;

use super::drain::drain;
use super::stage::{BARE_GENERATION, Site, Stage, VIEW_GENERATION};
use super::{IN_FLIGHT, Load};

const PAGE: usize = 1000;

/// What bare puts do, MB of raw JSON a second.
pub(super) fn run(stage: &Stage, site: &Site, load: &Load, report: &mut Report) -> anyhow::Result<f64> {
    let drained = drain(stage, site, &["replay"], &["--only", "replay"], Topic::Recordings)?;
    let objects = stage.wait(objects(&*site.store))?;
    let bytes: usize = objects.iter().map(|(_, bytes)| bytes.len()).sum();
    report.note(format!(
        "segments: {} objects, {:.1} MB",
        objects.len(),
        bytes as f64 / 1e6
    ));
    let started = Instant::now();
    stage.wait(put_all(&*site.store, objects))?;
    let bound = load.raw_megabytes / started.elapsed().as_secs_f64();
    report.row("bare puts of the same objects, wall", bound, "MB/s raw");
    report
        .row(
            "Kafka to segments: wall",
            load.megabytes(drained.per_s),
            "MB/s raw",
        )
        .beside("bare puts of the same objects", bound);
    drained.tell(load, "Kafka to segments", report);
    Ok(bound)
}

/// What the view put, under the names that a bound may use.
async fn objects(store: &dyn SegmentStore) -> anyhow::Result<Vec<(SegmentPath, bytes::Bytes)>> {
    let (mut objects, mut after) = (Vec::new(), None);
    let flushes = Prefix::Flushes {
        view: VIEW_GENERATION,
    };
    loop {
        let page = store.list(&flushes, after.as_ref(), PAGE).await?;
        for listed in &page {
            objects.push((renamed(&listed.path), store.get(&listed.path).await?));
        }
        after = page.last().map(|listed| listed.path.clone());
        if page.len() < PAGE {
            return Ok(objects);
        }
    }
}

fn renamed(path: &SegmentPath) -> SegmentPath {
    match path.clone() {
        SegmentPath::Flush {
            partition,
            first,
            last,
            ..
        } => SegmentPath::Flush {
            view: BARE_GENERATION,
            partition,
            first,
            last,
        },
        other => other,
    }
}

async fn put_all(store: &dyn SegmentStore, objects: Vec<(SegmentPath, bytes::Bytes)>) -> anyhow::Result<()> {
    let each = stream::iter(objects).map(anyhow::Ok);
    each.try_for_each_concurrent(IN_FLIGHT, |(path, bytes)| async move {
        let put = store.put_create(&path, bytes).await?;
        anyhow::ensure!(put == Put::Created, "{path} was there already");
        Ok(())
    })
    .await
}
