//! Search on a laptop: tantivy over files in one folder, in this process.
//!
//! One thread writes ([`writer`]); searches run on the blocking pool against the last commit. **Invariant:** one
//! process has the folder; a second one is refused with a clear error. **On failure:** a kill at any moment
//! leaves the last commit. **Bounds:** [`WriterMemory`] for what is not on disk yet, one merge at a time,
//! [`SEARCHES`] searches at once (more wait); the index itself is mapped, not loaded.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::{AuditId, ProjectId, SessionId};
use tantivy::directory::MmapDirectory;
use tantivy::directory::error::LockError;
use tantivy::indexer::IndexWriterOptions;
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager};
use tantivy::{
    DocAddress, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError,
};
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::cursor::SortKey;
use super::parse::text_only;
use super::*;
use analyzer::WordTokenizer;
use collect::{PageCollector, SessionCollector};
use layout::{Layout, WORDS};
use positions::Positions;
use writer::{QUEUE, Request, Writer};

mod analyzer;
mod collect;
mod document;
mod layout;
mod positions;
mod translate;
mod writer;

/// Searches at once.
pub const SEARCHES: usize = 4;

/// Bytes of documents that tantivy holds before it writes a segment (at least 15 MB).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterMemory(pub usize);

impl Default for WriterMemory {
    fn default() -> Self {
        Self(32_000_000)
    }
}

/// The embedded engine.
pub struct EmbeddedSearch {
    shared: Arc<Shared>,
    searches: Semaphore,
    positions: Arc<Mutex<Positions>>,
    /// None once closed.
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// What searches need.
struct Shared {
    index: Index,
    reader: IndexReader,
    layout: Arc<Layout>,
}

impl EmbeddedSearch {
    /// Opens the index in a folder, or makes one.
    pub fn open(folder: &Path, memory: WriterMemory) -> Result<Self, SearchError> {
        let named = || folder.display().to_string();
        std::fs::create_dir_all(folder)
            .map_err(|error| SearchError::Engine(format!("folder {} can't be made: {error}", named())))?;
        let layout = Arc::new(Layout::new());
        let directory = MmapDirectory::open(folder).map_err(|error| engine(error.into()))?;
        let tokenizers = TokenizerManager::default();
        tokenizers.register(WORDS, TextAnalyzer::builder(WordTokenizer).build());
        let builder = Index::builder()
            .schema(layout.schema.clone())
            .tokenizers(tokenizers);
        let index = builder.open_or_create(directory).map_err(|error| match error {
            TantivyError::SchemaError(_) => SearchError::OtherLayout(named()),
            other => engine(other),
        })?;
        let writer = open_writer(&index, memory).map_err(|error| match error {
            SearchError::Locked(_) => SearchError::Locked(named()),
            other => other,
        })?;
        let payload = index.load_metas().map_err(engine)?.payload;
        let positions = Arc::new(Mutex::new(Positions::of_payload(payload.as_deref())?));
        // Reloaded after each commit by the writer; by tantivy's watcher after a merge, so that files go.
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::OnCommitWithDelay);
        let reader: IndexReader = reader.try_into().map_err(engine)?;
        let shared = Arc::new(Shared {
            index,
            reader,
            layout,
        });
        let writer = Writer {
            index: shared.index.clone(),
            reader: shared.reader.clone(),
            layout: shared.layout.clone(),
            memory,
            writer: Some(writer),
            positions: positions.clone(),
            // An erasure may have been cut short by the last stop.
            purge: true,
        };
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("search-writer".into());
        let thread = thread
            .spawn(move || writer.run(waiting))
            .map_err(|error| SearchError::Engine(format!("writer thread can't be started: {error}")))?;
        let (queue, thread) = (Some(queue), Some(thread));
        Ok(Self {
            shared,
            searches: Semaphore::new(SEARCHES),
            positions,
            queue,
            thread,
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let _turn = self.searches.acquire().await.map_err(|_| SearchError::Closed)?;
        let shared = self.shared.clone();
        let result = tokio::task::spawn_blocking(move || work(&shared)).await;
        result.map_err(|error| SearchError::Engine(format!("search stopped: {error}")))?
    }
}

impl Drop for EmbeddedSearch {
    /// Writes what waits and gives the folder free; blocks for a commit at most.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("search writer thread panicked");
        }
    }
}

fn engine(error: TantivyError) -> SearchError {
    SearchError::Engine(error.to_string())
}

fn open_writer(index: &Index, memory: WriterMemory) -> Result<IndexWriter, SearchError> {
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .memory_budget_per_thread(memory.0)
        .num_merge_threads(1)
        .build();
    index.writer_with_options(options).map_err(|error| match error {
        TantivyError::LockFailure(LockError::LockBusy, _) => SearchError::Locked("folder".into()),
        other => engine(other),
    })
}

fn check_limit(limit: usize) -> Result<(), SearchError> {
    if (1..=MAX_PAGE).contains(&limit) {
        Ok(())
    } else {
        Err(SearchError::Limit(limit))
    }
}

impl Shared {
    fn search_audit(&self, search: &AuditSearch) -> Result<AuditPage, SearchError> {
        check_limit(search.limit)?;
        let collector = PageCollector {
            order: search.sort,
            after: search.after()?,
            limit: search.limit + 1,
        };
        let searcher = self.reader.searcher();
        let query = self.layout.audit_query(search);
        let (mut found, total) = searcher.search(&*query, &collector).map_err(engine)?;
        let more = found.len() > search.limit;
        found.truncate(search.limit);
        let next = found
            .last()
            .filter(|_| more)
            .map(|(key, _)| search.cursor_after(*key));
        let hits = found
            .into_iter()
            .map(|(key, at)| self.audit_hit(&searcher, key, at));
        Ok(AuditPage {
            hits: hits.collect::<Result<_, _>>()?,
            total,
            next,
        })
    }

    fn audit_hit(&self, searcher: &Searcher, key: SortKey, at: DocAddress) -> Result<AuditHit, SearchError> {
        let stored: TantivyDocument = searcher.doc(at).map_err(engine)?;
        let id =
            AuditId::new(Uuid::from_u128(key.id)).map_err(|error| SearchError::Engine(error.to_string()))?;
        Ok(AuditHit {
            project: self.layout.project_of(&stored)?,
            id,
            occurred_at_us: key.occurred_at_us,
            position: self.layout.position_of(&stored)?,
            source: self.layout.text_of(&stored, self.layout.source).to_owned(),
        })
    }

    fn search_sessions(&self, search: &SessionSearch) -> Result<SessionPage, SearchError> {
        check_limit(search.limit)?;
        let reference = search.reference.as_deref();
        let times = (search.from_ms, search.to_ms);
        let query = self
            .layout
            .activity_query(&text_only(&search.text), reference, &search.projects, times);
        let searcher = self.reader.searcher();
        let collector = SessionCollector {
            limit: search.limit + 1,
        };
        let mut found = searcher.search(&*query, &collector).map_err(engine)?;
        let more = found.len() > search.limit;
        found.truncate(search.limit);
        let hits = found
            .into_iter()
            .map(|(key, at)| self.session_hit(&searcher, key, at));
        Ok(SessionPage {
            hits: hits.collect::<Result<_, _>>()?,
            more,
        })
    }

    fn session_hit(
        &self,
        searcher: &Searcher,
        key: SortKey,
        at: DocAddress,
    ) -> Result<SessionHit, SearchError> {
        let stored: TantivyDocument = searcher.doc(at).map_err(engine)?;
        let session_id = SessionId::new(Uuid::from_u128(key.id));
        Ok(SessionHit {
            project: self.layout.project_of(&stored)?,
            session_id: session_id.map_err(|error| SearchError::Engine(error.to_string()))?,
            last_at_ms: key.occurred_at_us / 1000,
        })
    }

    fn activity_of_session(
        &self,
        project: &ProjectId,
        session: SessionId,
        limit: usize,
    ) -> Result<Vec<DocumentId>, SearchError> {
        check_limit(limit)?;
        let searcher = self.reader.searcher();
        let query = self.layout.session_query(&project.into(), session);
        let collector = PageCollector {
            order: SortOrder::OldestFirst,
            after: None,
            limit,
        };
        let (found, _) = searcher.search(&*query, &collector).map_err(engine)?;
        let id = |(_, at)| {
            let stored: TantivyDocument = searcher.doc(at).map_err(engine)?;
            Ok(DocumentId::stored(
                self.layout.text_of(&stored, self.layout.document_id).to_owned(),
            ))
        };
        found.into_iter().map(id).collect()
    }

    fn health(&self) -> Result<SearchHealth, SearchError> {
        let searcher = self.reader.searcher();
        let space = searcher
            .space_usage()
            .map_err(|error| SearchError::Engine(error.to_string()))?;
        Ok(SearchHealth {
            documents: searcher.num_docs(),
            stored_bytes: space.total().get_bytes(),
        })
    }
}

#[async_trait]
impl Search for EmbeddedSearch {
    async fn write(
        &self,
        range: WriteRange,
        writes: Arc<Vec<SearchWrite>>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, outcomes) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(SearchError::Closed)?;
        queue
            .send(Request {
                range,
                writes,
                answer,
            })
            .await
            .map_err(|_| SearchError::Closed)?;
        outcomes.await.map_err(|_| SearchError::Closed)?
    }

    async fn search_audit(&self, search: AuditSearch) -> Result<AuditPage, SearchError> {
        self.blocking(move |shared| shared.search_audit(&search)).await
    }

    async fn search_sessions(&self, search: SessionSearch) -> Result<SessionPage, SearchError> {
        self.blocking(move |shared| shared.search_sessions(&search)).await
    }

    async fn activity_of_session(
        &self,
        project: &ProjectId,
        session: SessionId,
        limit: usize,
    ) -> Result<Vec<DocumentId>, SearchError> {
        let project = project.clone();
        self.blocking(move |shared| shared.activity_of_session(&project, session, limit))
            .await
    }

    async fn committed_positions(&self) -> Result<Vec<CommittedPosition>, SearchError> {
        Ok(self
            .positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .list())
    }

    async fn refresh(&self) -> Result<(), SearchError> {
        self.blocking(|shared| shared.reader.reload().map_err(engine))
            .await
    }

    async fn health(&self) -> Result<SearchHealth, SearchError> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(SearchError::Closed);
        }
        self.blocking(Shared::health).await
    }
}
