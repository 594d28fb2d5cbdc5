//! Search on a laptop: tantivy over files in one folder, in this process.
//!
//! One thread writes ([`writer`]); searches run on the blocking pool against the last commit. **Invariant:** one
//! process has the folder; a second one is refused with a clear error. **On failure:** a kill at any moment
//! leaves the last commit. **Bounds:** [`WriterMemory`] for what is not on disk yet, one merge at a time,
//! [`SEARCHES`] searches at once (more wait); the index itself is mapped, not loaded.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tantivy::directory::MmapDirectory;
use tantivy::directory::error::LockError;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyError};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::*;
use analyzer::WordTokenizer;
use layout::{Layout, WORDS};
use positions::Positions;
use read::Shared;
use writer::{QUEUE, Request, Write, Writer};

mod analyzer;
mod collect;
mod document;
mod known;
mod layout;
mod positions;
mod read;
mod translate;
mod writer;

/// Searches at once.
pub const SEARCHES: usize = 4;

/// The share of deleted (expired) documents above which a segment is rewritten without them. Erased ones go at once.
const DELETED_BEFORE_MERGE: f32 = 0.2;

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

impl EmbeddedSearch {
    /// Opens the index in a folder, or makes one.
    pub fn open(folder: &Path, memory: WriterMemory) -> Result<Self, SearchError> {
        let folder = Folder {
            path: folder.to_owned(),
            memory,
        };
        let layout = Arc::new(Layout::new());
        let index = folder.index(&layout)?;
        let writer = folder.writer(&index)?;
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
            folder,
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

/// Where the index is and what its writer may hold.
#[derive(Debug, Clone)]
struct Folder {
    path: PathBuf,
    memory: WriterMemory,
}

impl Folder {
    fn index(&self, layout: &Layout) -> Result<Index, SearchError> {
        let folder = self.path.display();
        std::fs::create_dir_all(&self.path)
            .map_err(|error| SearchError::Engine(format!("folder {folder} can't be made: {error}")))?;
        let directory = MmapDirectory::open(&self.path).map_err(|error| engine(error.into()))?;
        let tokenizers = TokenizerManager::default();
        tokenizers.register(WORDS, TextAnalyzer::builder(WordTokenizer).build());
        let builder = Index::builder()
            .schema(layout.schema.clone())
            .tokenizers(tokenizers);
        builder.open_or_create(directory).map_err(|error| match error {
            TantivyError::SchemaError(_) => SearchError::OtherLayout(folder.to_string()),
            other => engine(other),
        })
    }

    fn writer(&self, index: &Index) -> Result<IndexWriter, SearchError> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .memory_budget_per_thread(self.memory.0)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter = index.writer_with_options(options).map_err(|error| match error {
            TantivyError::LockFailure(LockError::LockBusy, _) => {
                SearchError::Locked(self.path.display().to_string())
            }
            other => engine(other),
        })?;
        let mut policy = LogMergePolicy::default();
        policy.set_del_docs_ratio_before_merge(DELETED_BEFORE_MERGE);
        writer.set_merge_policy(Box::new(policy));
        Ok(writer)
    }
}

#[async_trait]
impl Search for EmbeddedSearch {
    fn encode(&self, writes: Vec<SearchWrite>) -> Result<Encoded, SearchError> {
        Ok(Encoded::documents(writes))
    }

    async fn write_encoded(
        &self,
        range: WriteRange,
        writes: Arc<Encoded>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        if writes.as_documents()?.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, outcomes) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(SearchError::Closed)?;
        queue
            .send(Request::Write(Write {
                range,
                writes,
                answer,
            }))
            .await
            .map_err(|_| SearchError::Closed)?;
        outcomes.await.map_err(|_| SearchError::Closed)?
    }

    /// Their ids are free again: a stub for each would outlive what it stands for.
    async fn expire(&self, now_s: i64) -> Result<u64, SearchError> {
        // Most calls find nothing, and those need not wait for a commit.
        if self.blocking(move |shared| shared.expired(now_s)).await? == 0 {
            return Ok(0);
        }
        let (answer, removed) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(SearchError::Closed)?;
        let request = Request::Expire { now_s, answer };
        queue.send(request).await.map_err(|_| SearchError::Closed)?;
        removed.await.map_err(|_| SearchError::Closed)?
    }

    async fn standing(&self, ids: Vec<(DocumentId, [u8; 32])>) -> Result<Vec<Standing>, SearchError> {
        self.blocking(move |shared| shared.standing(&ids)).await
    }

    async fn search_audit(&self, search: AuditSearch) -> Result<AuditPage, SearchError> {
        self.blocking(move |shared| shared.search_audit(&search)).await
    }

    async fn search_sessions(&self, search: SessionSearch) -> Result<SessionPage, SearchError> {
        self.blocking(move |shared| shared.search_sessions(&search)).await
    }

    async fn written_partitions(&self) -> Result<Vec<WrittenPartition>, SearchError> {
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
