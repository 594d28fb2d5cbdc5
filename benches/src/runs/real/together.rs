//! All views by one `process`: tables, documents and segments of the same log at once.

use hindsight_benches::report::Report;
use hindsight_schemas::ids::Topic;

use super::Load;
use super::drain::drain;
use super::stage::{Site, Stage};

pub(super) const VIEWS: [&str; 3] = ["analytics", "search", "replay"];

/// `bounds`: what ClickHouse and S3 do by themselves, MB of raw JSON a second.
pub(super) fn run(
    stage: &Stage,
    site: &Site,
    load: &Load,
    bounds: [f64; 2],
    report: &mut Report,
) -> anyhow::Result<()> {
    let drained = drain(stage, site, &VIEWS, &[], Topic::Recordings)?;
    let one_after_the_other = 1.0 / bounds.iter().map(|bound| 1.0 / bound).sum::<f64>();
    let name = "all views by one process";
    report
        .row(format!("{name}: wall"), load.megabytes(drained.per_s), "MB/s raw")
        .beside(
            "ClickHouse's inserts and then bare puts, without documents",
            one_after_the_other,
        );
    report.row(format!("{name}: wall"), load.events(drained.per_s), "events/s");
    drained.tell(load, name, report);
    Ok(())
}
