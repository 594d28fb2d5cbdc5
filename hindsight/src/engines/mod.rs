//! Opens the engines that the settings name, of either kind, for whoever needs them: `up`, the roles, doctor and the
//! operator's tools.
//!
//! **Invariant:** the only place that knows of which kind an engine is; everybody else holds the seam. What writes is
//! stopped before what it writes to is closed. **Failure**: an engine that does not answer is awaited ([`Patience`]), one
//! that refuses is told at once; what was opened beside it is dropped.

mod analytics;
mod followed;
mod log;
mod patience;
mod pulse;
mod search;
mod segments;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hindsight_engines::analytics::Analytics;
use hindsight_engines::log::EventLog;
use hindsight_engines::log::embedded::RegisteredGroup;
use hindsight_engines::search::Search;
use hindsight_engines::segments::SegmentStore;

use crate::failure::Failure;
use crate::settings::Settings;
use crate::settings::engines::{ClickHouseKind, LogKind, SearchKind, SegmentsKind};

pub(crate) use log::kafka_settings;
pub(crate) use patience::Waiting;
pub(crate) use search::{
    drop_search, open_search, open_search_to_read, replaced_searches, search_generation, search_generation_of,
};

use self::analytics::OpenedAnalytics;
use self::log::OpenedLog;
use self::patience::Patience;
use self::search::OpenedSearch;
use self::segments::OpenedSegments;

/// What each part says about itself: `Ok`, or in its own words why it does not serve.
pub(crate) type Parts = BTreeMap<&'static str, Result<(), String>>;

/// Which engines are needed, and what for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// The log; an embedded one keeps what these groups have not passed.
    pub(crate) log: Option<Vec<RegisteredGroup>>,
    /// Tables, and of which view generation.
    pub(crate) analytics: Option<Tables>,
    /// The index that is read; which one that is, the segments say.
    pub(crate) search: bool,
    pub(crate) segments: Option<Use>,
}

/// Which tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    /// Those of a view generation, brought up to date and looked at.
    Of(u32),
    /// Whichever there are: somebody makes them anew.
    AsTheyAre,
}

/// What the segments are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// The list of erased sessions alone, which can be had later: they are not awaited, nor part of readiness.
    Erased,
    /// Reading.
    Read,
    /// Reading and writing.
    Write,
}

impl Wanted {
    /// Refuses embedded engines, which one process has for itself.
    pub(crate) fn refuse_embedded(&self, settings: &Settings, role: &str) -> Result<(), Failure> {
        let refuse = |section: &str, kind: &str, real: &str| {
            Err(Failure::Configuration(format!(
                "{section}.kind is {kind:?}: such an engine is one process's own, so `hindsight {role}` can't share it; \
                 set {section}.kind = {real:?}, or run everything in one process by `hindsight up`"
            )))
        };
        if self.log.is_some() && settings.log.kind == LogKind::Embedded {
            return refuse("log", "embedded", "kafka");
        }
        if self.analytics.is_some() && settings.clickhouse.kind == ClickHouseKind::Embedded {
            return refuse("clickhouse", "embedded", "server");
        }
        if self.search && settings.search.kind == SearchKind::Embedded {
            return refuse("search", "embedded", "elasticsearch");
        }
        if self.segments.is_some() && settings.segments.kind == SegmentsKind::Folder {
            return refuse("segments", "folder", "s3");
        }
        Ok(())
    }
}

/// Opened engines.
pub(crate) struct Engines {
    log: Option<OpenedLog>,
    analytics: Option<OpenedAnalytics>,
    search: Option<OpenedSearch>,
    segments: Option<OpenedSegments>,
}

impl Engines {
    /// Opens what is wanted, all at once; search after the segments, which say which index is read.
    pub(crate) async fn open(settings: &Settings, wanted: Wanted, waiting: &Waiting) -> anyhow::Result<Self> {
        let limit = Duration::from_secs(settings.server.start_wait_seconds);
        let patience = &Patience::new(limit, waiting.clone());
        let (analytics, log, (segments, search)) = tokio::try_join!(
            when(wanted.analytics, |tables| OpenedAnalytics::open(
                settings, tables, patience
            )),
            when(wanted.log, |groups| OpenedLog::open(settings, groups, patience)),
            segments_and_search(settings, wanted.segments, wanted.search, patience),
        )?;
        Ok(Self {
            log,
            analytics,
            search,
            segments,
        })
    }

    /// The log. Of this and the others, only what was wanted may be asked for.
    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        self.log.as_ref().expect("the log was opened").shared()
    }

    /// ClickHouse.
    pub(crate) fn analytics(&self) -> Arc<dyn Analytics> {
        self.analytics.as_ref().expect("clickhouse was opened").shared()
    }

    /// Full-text search.
    pub(crate) fn search(&self) -> Arc<dyn Search> {
        self.search.as_ref().expect("search was opened").shared()
    }

    /// The replay segments.
    pub(crate) fn segments(&self) -> Arc<dyn SegmentStore> {
        self.segments.as_ref().expect("segments were opened").shared()
    }

    /// The replay segments, where they were wanted.
    pub(crate) fn segments_if_opened(&self) -> Option<Arc<dyn SegmentStore>> {
        self.segments.as_ref().map(OpenedSegments::shared)
    }

    /// Which engine is away, in its own words.
    pub(crate) fn parts(&self) -> Parts {
        let parts = [
            self.log.as_ref().map(|log| ("log", log.health())),
            self.analytics
                .as_ref()
                .map(|analytics| ("clickhouse", analytics.health())),
            self.search.as_ref().map(|search| ("search", search.health())),
            self.segments
                .as_ref()
                .and_then(|segments| Some(("segments", segments.health()?))),
        ];
        parts.into_iter().flatten().collect()
    }

    /// Closes them; nothing may use them any more.
    pub(crate) async fn close(self) {
        if let Some(log) = self.log {
            log.close().await;
        }
        if let Some(analytics) = self.analytics {
            analytics.close().await;
        }
    }
}

async fn segments_and_search(
    settings: &Settings,
    segments: Option<Use>,
    search: bool,
    patience: &Patience,
) -> anyhow::Result<(Option<OpenedSegments>, Option<OpenedSearch>)> {
    let segments = when(segments, |usage| OpenedSegments::open(settings, usage, patience)).await?;
    let told = segments.as_ref().filter(|_| search).map(OpenedSegments::shared);
    let search = when(told, |segments| OpenedSearch::open(settings, segments, patience)).await?;
    Ok((segments, search))
}

/// Opens something that is wanted.
async fn when<W, T, F: Future<Output = anyhow::Result<T>>>(
    wanted: Option<W>,
    open: impl FnOnce(W) -> F,
) -> anyhow::Result<Option<T>> {
    match wanted {
        Some(what) => open(what).await.map(Some),
        None => Ok(None),
    }
}
