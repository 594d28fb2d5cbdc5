//! Search past one machine: Elasticsearch 8 or 9, behind the same seam as the embedded index.
//!
//! A write is a note of its partition the first time ([`positions`]), runs of bulk requests ([`write`], [`bulk`],
//! [`erase`]), and after erasures a refresh ([`refresh`]). **Invariants:** documents are
//! created and never overwritten, save by stubs; an index is a function of the id ([`names`]); words are cut by
//! us ([`document`]). **On failure** see [`failure`]: what passes is tried again, what a person must mend is a
//! [`Refusal`] with its remedy, and only what the document itself is to blame for is `Rejected`.
//! **Bounds:** those of [`ElasticsearchOptions`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use hindsight_schemas::templates::IndexFamily;

use super::*;
use client::Client;
use indices::Known;
use names::Names;
use positions::Noted;
use refresh::Refresher;

mod bulk;
mod client;
mod document;
mod encode;
mod erase;
mod expire;
mod failure;
mod indices;
mod names;
mod options;
mod positions;
mod read;
mod refresh;
mod refusal;
mod standing;
mod translate;
mod write;

pub(super) use encode::EncodedWrite;
pub use options::ElasticsearchOptions;
pub use refusal::Refusal;

/// The distributed engine, opened for one view generation.
#[derive(Debug)]
pub struct ElasticsearchSearch {
    client: Client,
    names: Names,
    options: ElasticsearchOptions,
    known: Known,
    refresher: Refresher,
    noted: Noted,
}

impl ElasticsearchSearch {
    /// Asks the cluster for its version, puts the templates, compares what indices there are with them and
    /// refuses those that can't be written. An error says what to mend.
    pub async fn open(options: ElasticsearchOptions, view_generation: u32) -> Result<Self, SearchError> {
        let opened = Self::new(options, view_generation)?;
        indices::check_version(&opened.client).await?;
        indices::put_templates(&opened.client, view_generation, &opened.options).await?;
        opened.verify_all().await?;
        opened.check_writable().await?;
        Ok(opened)
    }

    /// For reading alone: nothing is put, and indices are taken as they are, mapped or blocked by whomever.
    pub async fn open_to_read(
        options: ElasticsearchOptions,
        view_generation: u32,
    ) -> Result<Self, SearchError> {
        let opened = Self::new(options, view_generation)?;
        indices::check_version(&opened.client).await?;
        Ok(opened)
    }

    /// Looks at the cluster as [`Self::open`] does, without changing anything.
    pub async fn look(options: ElasticsearchOptions, view_generation: u32) -> Result<(), SearchError> {
        let looked_at = Self::new(options, view_generation)?;
        indices::check_version(&looked_at.client).await?;
        looked_at.verify_all().await?;
        looked_at.check_writable().await
    }

    /// Removes all indices and templates of a view generation; repeating is harmless.
    pub async fn drop_generation(
        options: ElasticsearchOptions,
        view_generation: u32,
    ) -> Result<(), SearchError> {
        let dropped = Self::new(options, view_generation)?;
        indices::drop_all(&dropped.client, dropped.names).await
    }

    fn new(options: ElasticsearchOptions, view_generation: u32) -> Result<Self, SearchError> {
        Ok(Self {
            client: Client::new(&options)?,
            names: Names { view_generation },
            options,
            known: Known::default(),
            refresher: Refresher::default(),
            noted: Noted::default(),
        })
    }
}

#[async_trait]
impl Search for ElasticsearchSearch {
    fn encode(&self, writes: Vec<SearchWrite>) -> Result<Encoded, SearchError> {
        encode::encode(writes)
    }

    async fn write_encoded(
        &self,
        range: WriteRange,
        writes: Arc<Encoded>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let writes = writes.as_elasticsearch()?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        let mut erased_from = BTreeSet::new();
        self.note(range).await?;
        let outcomes = self.write_all(writes, &mut erased_from).await?;
        if !erased_from.is_empty() {
            self.refresher.refresh(&self.client, erased_from).await?;
        }
        metrics::histogram!("hindsight_search_commit_seconds").record(started.elapsed().as_secs_f64());
        Ok(outcomes)
    }

    async fn standing(&self, ids: Vec<(DocumentId, [u8; 32])>) -> Result<Vec<Standing>, SearchError> {
        self.stand(&ids).await
    }

    async fn search_audit(&self, search: AuditSearch) -> Result<AuditPage, SearchError> {
        check_limit(search.limit)?;
        self.audit_page(&search).await
    }

    async fn search_sessions(&self, search: SessionSearch) -> Result<SessionPage, SearchError> {
        check_limit(search.limit)?;
        self.session_page(&search).await
    }

    async fn written_partitions(&self) -> Result<Vec<WrittenPartition>, SearchError> {
        self.partitions().await
    }

    async fn expire(&self, now_s: i64) -> Result<u64, SearchError> {
        self.remove_expired(now_s).await
    }

    async fn refresh(&self) -> Result<(), SearchError> {
        let families = [IndexFamily::Audit, IndexFamily::Activity];
        let patterns = families.map(|family| self.names.pattern(family));
        self.refresher.refresh(&self.client, patterns).await
    }

    async fn health(&self) -> Result<SearchHealth, SearchError> {
        self.state().await
    }
}
