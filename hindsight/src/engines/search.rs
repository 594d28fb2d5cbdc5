//! Full-text search: the index in `D/search`, or Elasticsearch; of the generation that is read.
//!
//! A rebuild makes the next generation beside it: indices of other names, or the folder `D/search-g<generation>`. Which is
//! read is said by create-only objects in the segment store: heard when a process starts, and followed while it runs
//! ([`Followed`]). Over a folder nobody rebuilds while a process runs.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hindsight_engines::search::elasticsearch::{ElasticsearchOptions, ElasticsearchSearch};
use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
use hindsight_engines::search::{Search, SearchError};
use hindsight_engines::segments::{LocalSegments, Prefix, SegmentPath, SegmentStore, StoreError, connect_s3};
use jiff::Timestamp;

use super::followed::Followed;
use super::patience::{Patience, Trouble};
use super::pulse::Pulse;
use crate::settings::Settings;
use crate::settings::engines::{SearchKind, SegmentsKind};

/// Search, opened.
pub(super) struct OpenedSearch {
    engine: Arc<dyn Search>,
    /// Of an engine behind the network.
    pulse: Option<Pulse>,
}

/// The generation that is read where none was rebuilt.
const FIRST: u32 = 1;
/// Rebuilds that can be told of.
const GENERATIONS: usize = 10_000;

/// The generation that is read.
pub(crate) async fn search_generation(segments: &dyn SegmentStore) -> Result<u32, StoreError> {
    let rebuilt = segments.list(&Prefix::SearchViews, None, GENERATIONS).await?;
    let generation = rebuilt.last().map(|listed| &listed.path);
    Ok(match generation {
        Some(SegmentPath::SearchView { generation }) => *generation,
        _ => FIRST,
    })
}

/// The generation that is read, as the segments of these settings say: for whoever only looks.
pub(crate) async fn search_generation_of(settings: &Settings) -> Result<u32, StoreError> {
    match settings.segments.kind {
        SegmentsKind::S3 => search_generation(&connect_s3(&settings.segments.s3.options)?).await,
        SegmentsKind::Folder => {
            let folder = settings.server.data_dir.join("segments");
            if !folder.exists() {
                return Ok(FIRST);
            }
            search_generation(&LocalSegments::open(&folder)?).await
        }
    }
}

/// The generations that were replaced so long ago.
pub(crate) async fn replaced_searches(
    segments: &dyn SegmentStore,
    grace: Duration,
) -> Result<Range<u32>, StoreError> {
    let rebuilt = segments.list(&Prefix::SearchViews, None, GENERATIONS).await?;
    let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
    let until_ms = Timestamp::now().as_millisecond().saturating_sub(grace_ms);
    let old = rebuilt.iter().filter(|listed| listed.modified_ms <= until_ms);
    let generations = old.filter_map(|listed| match listed.path {
        SegmentPath::SearchView { generation } => Some(generation),
        _ => None,
    });
    Ok(FIRST..generations.max().unwrap_or(FIRST))
}

/// Opens one generation, without waiting for the engine.
pub(crate) async fn open_search(
    settings: &Settings,
    generation: u32,
) -> Result<Arc<dyn Search>, SearchError> {
    match settings.search.kind {
        SearchKind::Embedded => {
            let folder = folder(&settings.server.data_dir, generation);
            let open = move || EmbeddedSearch::open(&folder, WriterMemory::default());
            let opened = tokio::task::spawn_blocking(open).await;
            Ok(Arc::new(opened.expect("opening does not panic")?))
        }
        SearchKind::Elasticsearch => {
            let options = settings.search.elasticsearch.options.clone();
            Ok(Arc::new(ElasticsearchSearch::open(options, generation).await?))
        }
    }
}

/// Opens one to read from it, whoever has altered it: nothing is compared or changed.
pub(crate) async fn open_search_to_read(
    settings: &Settings,
    generation: u32,
) -> Result<Arc<dyn Search>, SearchError> {
    match settings.search.kind {
        SearchKind::Embedded => open_search(settings, generation).await,
        SearchKind::Elasticsearch => {
            let options = settings.search.elasticsearch.options.clone();
            let opened = ElasticsearchSearch::open_to_read(options, generation).await?;
            Ok(Arc::new(opened))
        }
    }
}

/// Removes a generation that nobody reads. Repeating is harmless.
pub(crate) async fn drop_search(settings: &Settings, generation: u32) -> anyhow::Result<()> {
    match settings.search.kind {
        SearchKind::Embedded => {
            let folder = folder(&settings.server.data_dir, generation);
            match tokio::fs::remove_dir_all(&folder).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("{} can't be removed", folder.display()))
                }
                _ => Ok(()),
            }
        }
        SearchKind::Elasticsearch => {
            let options = settings.search.elasticsearch.options.clone();
            Ok(ElasticsearchSearch::drop_generation(options, generation).await?)
        }
    }
}

fn folder(data_dir: &Path, generation: u32) -> PathBuf {
    match generation {
        FIRST => data_dir.join("search"),
        later => data_dir.join(format!("search-g{later}")),
    }
}

impl OpenedSearch {
    pub(super) async fn open(
        settings: &Settings,
        segments: Arc<dyn SegmentStore>,
        patience: &Patience,
    ) -> anyhow::Result<Self> {
        let generation = search_generation(&*segments).await?;
        match settings.search.kind {
            SearchKind::Embedded => {
                let opened = open_search(settings, generation).await;
                Ok(Self {
                    engine: opened.context("the search index can't be opened")?,
                    pulse: None,
                })
            }
            SearchKind::Elasticsearch => {
                let options = &settings.search.elasticsearch.options;
                let open = || connect(options.clone(), generation);
                let opened = patience.open("search", open).await?;
                let followed = Followed::new(segments, options.clone(), generation, opened);
                let engine: Arc<dyn Search> = Arc::new(followed);
                let watched = engine.clone();
                let pulse = Pulse::of(move || ask(watched.clone()));
                Ok(Self {
                    engine,
                    pulse: Some(pulse),
                })
            }
        }
    }

    pub(super) fn shared(&self) -> Arc<dyn Search> {
        self.engine.clone()
    }

    pub(super) fn health(&self) -> Result<(), String> {
        self.pulse.as_ref().map_or(Ok(()), Pulse::health)
    }
}

async fn connect(options: ElasticsearchOptions, generation: u32) -> Result<ElasticsearchSearch, Trouble> {
    let opened = ElasticsearchSearch::open(options, generation).await;
    opened.map_err(|error| match error {
        SearchError::Engine(words) => Trouble::Away(words),
        other => Trouble::Refused(other.to_string()),
    })
}

async fn ask(engine: Arc<dyn Search>) -> Result<(), String> {
    let health = async {
        engine.follow().await?;
        engine.health().await
    };
    health.await.map(drop).map_err(|error| error.to_string())
}
