//! Full-text search: the index in `D/search`, or Elasticsearch.

use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::search::elasticsearch::{ElasticsearchOptions, ElasticsearchSearch};
use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
use hindsight_engines::search::{Search, SearchError};

use super::patience::{Patience, Trouble};
use super::pulse::Pulse;
use crate::settings::Settings;
use crate::settings::engines::SearchKind;

/// Search, opened.
pub(super) struct OpenedSearch {
    engine: Arc<dyn Search>,
    /// Of an engine behind the network.
    pulse: Option<Pulse>,
}

impl OpenedSearch {
    pub(super) async fn open(
        settings: &Settings,
        generation: u32,
        patience: &Patience,
    ) -> anyhow::Result<Self> {
        match settings.search.kind {
            SearchKind::Embedded => {
                let folder = settings.server.data_dir.join("search");
                let opened = EmbeddedSearch::open(&folder, WriterMemory::default());
                Ok(Self {
                    engine: Arc::new(opened.context("the search index can't be opened")?),
                    pulse: None,
                })
            }
            SearchKind::Elasticsearch => {
                let options = &settings.search.elasticsearch.options;
                let open = || connect(options.clone(), generation);
                let engine: Arc<dyn Search> = Arc::new(patience.open("search", open).await?);
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
    engine.health().await.map(drop).map_err(|error| error.to_string())
}
