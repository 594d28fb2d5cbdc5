//! The recorder of the metrics, described by the catalogue, and what is measured by itself every few seconds.
//!
//! **Invariant:** every counter without labels is there with 0 from the start, or its first increase would not be seen.
//! Histograms have fixed buckets, so those of several processes can be added. **Bound:** samples are summed up every
//! [`UPKEEP_EVERY`]; unasked, the recorder would keep each one until somebody reads `/metrics`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::catalogue::{Kind, Metric, all};
use crate::engines::Parts;

const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// From an fsync to a view that is far behind; 2 s is a limit that people are promised.
const SECONDS: &[f64] = &[
    0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0,
];
const RECORDS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0];

/// Tells which parts serve: `Ok`, or in its own words why not.
pub(crate) type Look = Arc<dyn Fn() -> Parts + Send + Sync>;

/// Installs the recorder of this process. A second call is a mistake of the program.
pub(crate) fn install() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_records".into()), RECORDS))
        .context("buckets of the histograms")?;
    let handle = builder.install_recorder().context("metrics can't be recorded")?;
    all().for_each(declare);
    gauge!("hindsight_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

fn declare(metric: &'static Metric) {
    match metric.kind {
        Kind::Counter => describe_counter!(metric.name, metric.means),
        Kind::Gauge => describe_gauge!(metric.name, metric.means),
        Kind::Histogram => describe_histogram!(metric.name, metric.means),
    }
    if metric.kind == Kind::Counter && metric.labels.is_empty() {
        counter!(metric.name).increment(0);
    }
}

/// What is measured by itself.
pub(crate) struct Upkeep {
    /// The recorder's handle.
    pub(crate) metrics: PrometheusHandle,
    /// Which parts serve.
    pub(crate) look: Look,
    /// Folders whose disks are watched, by the name of what is kept there.
    pub(crate) places: Vec<(&'static str, PathBuf)>,
}

impl Upkeep {
    /// Measures for ever.
    pub(crate) async fn run(self) {
        let mut turns = tokio::time::interval(UPKEEP_EVERY);
        loop {
            turns.tick().await;
            self.measure();
            self.metrics.run_upkeep();
        }
    }

    fn measure(&self) {
        for (part, state) in (self.look)() {
            gauge!("hindsight_part_ready", "part" => part).set(f64::from(u8::from(state.is_ok())));
        }
        for (place, folder) in &self.places {
            match rustix::fs::statvfs(folder) {
                Ok(disk) => show_disk(place, &disk),
                Err(error) => tracing::warn!(place, %error, "free space can't be asked"),
            }
        }
    }
}

/// Free is what a process without privileges may still write.
fn show_disk(place: &'static str, disk: &rustix::fs::StatVfs) {
    let bytes = |blocks: u64| blocks as f64 * disk.f_frsize as f64;
    gauge!("hindsight_storage_free_bytes", "place" => place).set(bytes(disk.f_bavail));
    gauge!("hindsight_storage_total_bytes", "place" => place).set(bytes(disk.f_blocks));
}
