//! Engines that a command opens for itself, to work on them where they are: the log's process is not asked.
//!
//! **Invariant:** no other process has an embedded one of them meanwhile: the data folder stays locked.

use super::place::has_log;
use crate::data_folder::DataFolder;
use crate::engines::{Engines, Waiting, Wanted};
use crate::settings::Settings;
use crate::settings::engines::{ClickHouseKind, LogKind, SearchKind, SegmentsKind};

/// Opened engines.
pub(super) struct Alone {
    /// With which they were opened.
    pub(super) settings: Settings,
    pub(super) engines: Engines,
    _lock: Option<DataFolder>,
}

impl Alone {
    /// Opens what is wanted; nothing is made where nothing is.
    pub(super) async fn open(settings: &Settings, wanted: Wanted) -> anyhow::Result<Self> {
        let folder = &settings.server.data_dir;
        if settings.log.kind == LogKind::Embedded {
            has_log(folder)?;
        }
        let lock = has_embedded(settings)
            .then(|| DataFolder::open(folder))
            .transpose()?;
        let mut settings = settings.clone();
        // A mistyped name must not leave topics behind.
        settings.log.kafka.create_topics = false;
        let engines = Engines::open(&settings, wanted, &Waiting::default()).await?;
        Ok(Self {
            settings,
            engines,
            _lock: lock,
        })
    }

    /// Lets go of them.
    pub(super) async fn close(self) {
        self.engines.close().await;
    }
}

/// Whether an engine is the data folder's, which one process has for itself.
fn has_embedded(settings: &Settings) -> bool {
    settings.log.kind == LogKind::Embedded
        || settings.clickhouse.kind == ClickHouseKind::Embedded
        || settings.search.kind == SearchKind::Embedded
        || settings.segments.kind == SegmentsKind::Folder
}
