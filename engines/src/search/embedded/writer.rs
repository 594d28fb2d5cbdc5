//! The thread that writes: it takes all writes that wait, commits them as one, and answers.
//!
//! **Invariants:** an answer comes after the commit is on disk and the reader shows it; under one id the first
//! document wins, within a group as well as over all that is there. **On failure** of a commit every write of the
//! group is answered with the error, tantivy's writer is opened anew from the last commit, and the next group
//! tries again. **Bounds:** [`QUEUE`] waiting writes, [`GROUP_DOCUMENTS`] documents a commit (a larger write is a
//! group of its own), the writer's memory as opened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hindsight_schemas::documents::DocumentId;
use tantivy::collector::Count;
use tantivy::index::SegmentId;
use tantivy::{Index, IndexReader, IndexWriter, Searcher, TantivyDocument};
use tokio::sync::{mpsc, oneshot};

use super::super::{Encoded, SearchError, SearchWrite, WriteOutcome, WriteRange};
use super::known::Known;
use super::layout::Layout;
use super::positions::Positions;
use super::{Folder, engine};

/// Writes that may wait.
pub(super) const QUEUE: usize = 64;
/// Documents after which a group is closed.
pub(super) const GROUP_DOCUMENTS: usize = 20_000;

/// What waits.
pub(super) enum Request {
    /// Documents of a range.
    Write(Write),
    /// Remove what expired before this moment, Unix seconds; answered with how many went.
    Expire {
        now_s: i64,
        answer: oneshot::Sender<Result<u64, SearchError>>,
    },
}

/// A write that waits.
pub(super) struct Write {
    pub(super) range: WriteRange,
    pub(super) writes: Arc<Encoded>,
    pub(super) answer: oneshot::Sender<Result<Vec<WriteOutcome>, SearchError>>,
}

pub(super) struct Writer {
    pub(super) index: Index,
    pub(super) reader: IndexReader,
    pub(super) layout: Arc<Layout>,
    pub(super) folder: Folder,
    /// None after a failure, until it is opened anew.
    pub(super) writer: Option<IndexWriter>,
    pub(super) positions: Arc<Mutex<Positions>>,
    /// Stubs were written, and what they replaced may still be on disk.
    pub(super) purge: bool,
}

impl Writer {
    /// Runs until all senders are gone and the queue is empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        let mut next = queue.blocking_recv();
        while let Some(request) = next {
            next = match request {
                Request::Write(first) => self.group(first, &mut queue),
                Request::Expire { now_s, answer } => {
                    // A caller that went away asks again.
                    let _ = answer.send(self.expire(now_s));
                    None
                }
            }
            .or_else(|| queue.blocking_recv());
        }
    }

    /// Writes this and what waits behind it as one; the first thing that is no write comes next.
    fn group(&mut self, first: Write, queue: &mut mpsc::Receiver<Request>) -> Option<Request> {
        let mut documents = first.writes.len();
        let (mut group, mut next) = (vec![first], None);
        while documents < GROUP_DOCUMENTS
            && next.is_none()
            && let Ok(waiting) = queue.try_recv()
        {
            match waiting {
                Request::Write(write) => {
                    documents += write.writes.len();
                    group.push(write);
                }
                other => next = Some(other),
            }
        }
        self.answer(group);
        next
    }

    fn answer(&mut self, group: Vec<Write>) {
        let started = Instant::now();
        let result = self.write(&group);
        metrics::histogram!("hindsight_search_commit_seconds").record(started.elapsed().as_secs_f64());
        match result {
            Ok(outcomes) => {
                for (request, outcomes) in group.into_iter().zip(outcomes) {
                    // A caller that went away asks again.
                    let _ = request.answer.send(Ok(outcomes));
                }
            }
            Err(error) => {
                tracing::error!(%error, writes = group.len(), "search commit failed");
                self.writer = None;
                for request in group {
                    let _ = request.answer.send(Err(error.clone()));
                }
            }
        }
    }

    /// Opens tantivy's writer anew after a failure.
    fn ready(&mut self) -> Result<(), SearchError> {
        if self.writer.is_none() {
            self.writer = Some(self.folder.writer(&self.index)?);
            self.reader.reload().map_err(engine)?;
        }
        Ok(())
    }

    fn expire(&mut self, now_s: i64) -> Result<u64, SearchError> {
        let removed = self.remove_expired(now_s);
        if let Err(error) = &removed {
            tracing::error!(%error, "expired documents could not be removed");
            self.writer = None;
        }
        removed
    }

    fn remove_expired(&mut self, now_s: i64) -> Result<u64, SearchError> {
        self.ready()?;
        let expired = || self.layout.expired_query(now_s);
        let count = self.reader.searcher().search(&*expired(), &Count);
        let count = count.map_err(engine)? as u64;
        let writer = self.writer.as_mut().expect("just opened");
        writer.delete_query(expired()).map_err(engine)?;
        self.commit(&[])?;
        Ok(count)
    }

    fn write(&mut self, group: &[Write]) -> Result<Vec<Vec<WriteOutcome>>, SearchError> {
        self.ready()?;
        let writer = self.writer.as_mut().expect("just opened");
        let mut batch = Batch {
            layout: &self.layout,
            searcher: self.reader.searcher(),
            writer,
            fresh: HashMap::new(),
            stubs: false,
        };
        let mut outcomes = Vec::with_capacity(group.len());
        for request in group {
            let each = request
                .writes
                .as_documents()?
                .iter()
                .map(|write| batch.apply(write));
            outcomes.push(each.collect::<Result<Vec<_>, _>>()?);
        }
        self.purge |= batch.stubs;
        self.commit(group)?;
        Ok(outcomes)
    }

    fn commit(&mut self, group: &[Write]) -> Result<(), SearchError> {
        let mut positions = self
            .positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        group.iter().for_each(|request| positions.note(request.range));
        let writer = self.writer.as_mut().expect("opened before the batch");
        let mut commit = writer.prepare_commit().map_err(engine)?;
        commit.set_payload(&positions.to_payload()?);
        commit.commit().map_err(engine)?;
        *self.positions.lock().unwrap_or_else(PoisonError::into_inner) = positions;
        self.reader.reload().map_err(engine)?;
        if self.purge {
            self.purge()?;
        }
        Ok(())
    }

    /// A deleted document stays in its segment until that is merged: after an erasure segments that hold some
    /// are rewritten, in the background. Those that another merge holds are taken after the next commit.
    fn purge(&mut self) -> Result<(), SearchError> {
        let metas = self.index.searchable_segment_metas().map_err(engine)?;
        let held: Vec<SegmentId> = metas
            .iter()
            .filter(|meta| meta.num_deleted_docs() > 0)
            .map(|meta| meta.id())
            .collect();
        self.purge = !held.is_empty();
        let writer = self.writer.as_mut().expect("just committed");
        for segment in held {
            // The merge runs on tantivy's own thread; its outcome shows in the segments after the next commit.
            drop(writer.merge(&[segment]));
        }
        Ok(())
    }
}

/// The documents of one commit.
struct Batch<'a> {
    layout: &'a Layout,
    searcher: Searcher,
    writer: &'a mut IndexWriter,
    /// What this batch put under ids.
    fresh: HashMap<DocumentId, Known>,
    stubs: bool,
}

impl Batch<'_> {
    fn apply(&mut self, write: &SearchWrite) -> Result<WriteOutcome, SearchError> {
        match write {
            SearchWrite::CreateAudit(document) => {
                let id = document.document_id();
                let known = Known::Document {
                    content_sha256: document.content_sha256,
                    position: document.position,
                };
                self.create(id, known, |layout, id| layout.audit(document, id))
            }
            SearchWrite::CreateActivity(document) => {
                let id = document.document_id();
                let known = Known::Document {
                    content_sha256: document.content_sha256,
                    position: document.position,
                };
                let session = DocumentId::erased_session(&document.batch.project, document.session_id());
                if matches!(self.known(&session)?, Some(Known::Stub)) {
                    return Ok(WriteOutcome::Erased);
                }
                self.create(id, known, |layout, id| layout.activity(document, id))
            }
            SearchWrite::Stub(id) => self.stub(id, |batch| {
                batch.writer.delete_term(batch.layout.id_term(id));
                Ok(())
            }),
            SearchWrite::EraseSession { project, session_id } => {
                let id = DocumentId::erased_session(project, *session_id);
                self.stub(&id, |batch| {
                    let activity = batch.layout.session_query(project, *session_id);
                    batch.writer.delete_query(activity).map(drop).map_err(engine)
                })
            }
        }
    }

    fn create(
        &mut self,
        id: DocumentId,
        new: Known,
        document: impl FnOnce(&Layout, &DocumentId) -> TantivyDocument,
    ) -> Result<WriteOutcome, SearchError> {
        match (self.known(&id)?, new) {
            (None, _) => {
                self.writer
                    .add_document(document(self.layout, &id))
                    .map_err(engine)?;
                self.fresh.insert(id, new);
                Ok(WriteOutcome::Created)
            }
            (
                Some(Known::Document {
                    content_sha256,
                    position,
                }),
                Known::Document {
                    content_sha256: ours, ..
                },
            ) => Ok(WriteOutcome::Exists {
                same_content: content_sha256 == ours,
                position,
            }),
            _ => Ok(WriteOutcome::Erased),
        }
    }

    /// Deletes what the id stands for, be it written before or in this batch, and takes the id.
    fn stub(
        &mut self,
        id: &DocumentId,
        delete: impl FnOnce(&Self) -> Result<(), SearchError>,
    ) -> Result<WriteOutcome, SearchError> {
        if !matches!(self.known(id)?, Some(Known::Stub)) {
            delete(self)?;
            self.writer.add_document(self.layout.stub(id)).map_err(engine)?;
            self.fresh.insert(id.clone(), Known::Stub);
            self.stubs = true;
        }
        Ok(WriteOutcome::Stubbed)
    }

    fn known(&self, id: &DocumentId) -> Result<Option<Known>, SearchError> {
        if let Some(known) = self.fresh.get(id) {
            return Ok(Some(*known));
        }
        Ok(self.layout.known(&self.searcher, id)?.into_iter().next())
    }
}
