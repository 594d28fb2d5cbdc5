//! One file a report.

pub(crate) mod clients;
pub(crate) mod edge;
pub(crate) mod memory;
pub(crate) mod real;
pub(crate) mod views;

use hindsight_benches::corpus::Corpus;
use hindsight_benches::report::Report;

fn describe(report: &mut Report, name: &str, corpus: &Corpus) {
    report.note(format!(
        "{name}: {} recordings, {} batches of {:.1} KB raw and {:.1} events on average, {:.1} MB raw, {:.1} MB gzip, {} events a pass",
        corpus.tabs,
        corpus.batches.len(),
        corpus.raw_bytes() as f64 / 1e3 / corpus.batches.len() as f64,
        corpus.events() as f64 / corpus.batches.len() as f64,
        corpus.raw_bytes() as f64 / 1e6,
        corpus.packed_bytes() as f64 / 1e6,
        corpus.events(),
    ));
}
