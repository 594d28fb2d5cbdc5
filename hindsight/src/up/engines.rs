//! The embedded engines behind the four seams, opened on the data folder.
//!
//! `D/log` event log, `D/clickhouse` analytics (a child process), `D/search` full text, `D/segments` replays.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use hindsight_engines::analytics::chdb::{Supervisor, SupervisorOptions};
use hindsight_engines::log::embedded::{EmbeddedLog, Options, RegisteredGroup};
use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
use hindsight_engines::segments::LocalSegments;

use crate::libchdb;
use crate::settings::Settings;

/// How long the ClickHouse child of a killed process may take to let its folder go.
const PREDECESSOR_GONE_WITHIN: Duration = Duration::from_secs(30);
const PREDECESSOR_ASKED_EVERY: Duration = Duration::from_millis(200);
/// What ClickHouse says while another process has the folder.
const FOLDER_LOCKED: &str = "Cannot lock file";

/// Opens the log; retention waits for these groups.
pub(super) fn open_log(
    data_dir: &Path,
    settings: &Settings,
    groups: Vec<RegisteredGroup>,
) -> anyhow::Result<Arc<EmbeddedLog>> {
    let log = &settings.log;
    let options = Options {
        partitions: log.partitions,
        record_bytes: settings.limits.record_bytes,
        max_bytes: log.max_bytes,
        min_free_bytes: log.min_free_bytes,
        retention_age: Duration::from_secs(log.retention_hours * 3600),
        retention_bytes: log.retention_bytes,
        cache_bytes: log.cache_bytes,
        registered_groups: groups,
        ..Options::default()
    };
    let opened = EmbeddedLog::open(&data_dir.join("log"), options);
    Ok(Arc::new(opened.context("the event log can't be opened")?))
}

/// Opens the segments.
pub(super) fn open_segments(data_dir: &Path) -> anyhow::Result<Arc<LocalSegments>> {
    let opened = LocalSegments::open(&data_dir.join("segments"));
    Ok(Arc::new(opened.context("the replay segments can't be opened")?))
}

/// Opens the search index.
pub(super) fn open_search(data_dir: &Path) -> anyhow::Result<Arc<EmbeddedSearch>> {
    let opened = EmbeddedSearch::open(&data_dir.join("search"), WriterMemory::default());
    Ok(Arc::new(opened.context("the search index can't be opened")?))
}

/// Starts the ClickHouse child: this program again. After a kill of this process its old child ends by itself,
/// soon but not at once.
pub(super) async fn start_clickhouse(data_dir: &Path, settings: &Settings) -> anyhow::Result<Supervisor> {
    let named = &settings.clickhouse.libchdb;
    let library = libchdb::find((!named.as_os_str().is_empty()).then_some(named))?;
    let memory_bytes = settings.clickhouse.memory_bytes;
    let command = libchdb::child_command(&library, &data_dir.join("clickhouse"), memory_bytes)?;
    let started = Instant::now();
    loop {
        match Supervisor::start(SupervisorOptions::new(command.clone())).await {
            Err(error)
                if error.to_string().contains(FOLDER_LOCKED)
                    && started.elapsed() < PREDECESSOR_GONE_WITHIN =>
            {
                tokio::time::sleep(PREDECESSOR_ASKED_EVERY).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}
