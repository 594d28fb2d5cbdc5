//! The search engine behind audit and session search: Elasticsearch in production, tantivy on a laptop.
//!
//! **Invariants** (pinned by [`conformance`] for both): what `write` answered is durable and found by the next
//! search; the first document under an id wins and is never overwritten, save by a stub, which keeps the id
//! taken for ever; one query gives the same events on every engine; a total is exact; a cursor stays valid
//! while data is added. **On failure** of a write nothing is known about its documents: writing the same again
//! is safe. **Bounds:** [`MAX_PAGE`] hits a page, [`query::QUERY_BYTES`] of query text.

use std::sync::Arc;

use async_trait::async_trait;
use hindsight_schemas::documents::{ActivityDocument, AuditDocument, DocumentId};
use hindsight_schemas::ids::{AuditId, LogId, Offset, Partition, Position, ProjectId, SessionId};
use hindsight_schemas::reason::Reason;

pub mod conformance;
pub mod cursor;
pub mod elasticsearch;
pub mod embedded;
mod encoded;
pub mod fields;
pub mod moment;
pub mod parse;
mod place;
pub mod print;
pub mod query;
pub mod syntax;
pub mod tokens;
mod value;

use self::elasticsearch::Refusal;
pub use encoded::Encoded;
use fields::Field;
use query::{Match, Query};

/// Hits of one page at most.
pub const MAX_PAGE: usize = 10_000;

/// Which records a write is made of. The view's generation is the engine's own: it was opened for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriteRange {
    /// The log while its offsets mean the same.
    pub log_id: LogId,
    /// The partition.
    pub partition: Partition,
    /// The last record's offset.
    pub last: Offset,
}

/// One thing to write.
#[derive(Debug, Clone)]
pub enum SearchWrite {
    /// Create, unless the id is taken.
    CreateAudit(Box<AuditDocument>),
    /// Create, unless the id is taken.
    CreateActivity(Box<ActivityDocument>),
    /// Erasure: whatever is under the id goes, and nothing can be created under it again.
    Stub(DocumentId),
    /// Erasure: all activity of a session goes, and none can be created for it again. Audit events stay.
    EraseSession {
        /// The recorded application.
        project: ProjectId,
        /// The visit.
        session_id: SessionId,
    },
}

/// What became of one write, in the order of the writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is there now.
    Created,
    /// The id was taken: by the same record (equal position), a repeat (same content) or a twin (other content).
    Exists {
        /// The same content_sha256.
        same_content: bool,
        /// The record that came first.
        position: Position,
    },
    /// The id, or the session, belongs to something erased.
    Erased,
    /// It is erased now.
    Stubbed,
    /// The engine refused this document: it blames itself.
    Rejected {
        /// Under which name it is counted.
        reason: Reason,
        /// The engine's own words.
        detail: String,
    },
}

/// What stands under an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// What is left of something erased.
    Erased,
    /// A document, or more than one where the engine is damaged: of the first.
    Document {
        /// The same content_sha256.
        same_content: bool,
        /// The record that came first.
        position: Position,
        /// How many documents there are.
        times: u64,
    },
}

/// A partition of which something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WrittenPartition {
    /// The log.
    pub log_id: LogId,
    /// The partition.
    pub partition: Partition,
}

/// Whose data a search may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projects {
    /// Those of everybody (administrators, tools).
    All,
    /// These; an empty list sees nothing.
    Only(Vec<ProjectId>),
}

impl From<&ProjectId> for Projects {
    fn from(project: &ProjectId) -> Self {
        Projects::Only(vec![project.clone()])
    }
}

/// The order of audit events: by time, then id, then project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// `sort=-occurred_at`
    NewestFirst,
    /// `sort=occurred_at`
    OldestFirst,
}

/// A search for audit events.
#[derive(Debug, Clone)]
pub struct AuditSearch {
    /// What to find ([`parse::parse`] makes it of text).
    pub query: Query,
    /// Where to look.
    pub projects: Projects,
    /// `occurred_at` at or after, Unix microseconds.
    pub from_us: Option<i64>,
    /// `occurred_at` before, Unix microseconds.
    pub to_us: Option<i64>,
    /// The order.
    pub sort: SortOrder,
    /// Hits of this page, 1 to [`MAX_PAGE`].
    pub limit: usize,
    /// `next` of the page before, of the same search.
    pub cursor: Option<String>,
}

impl AuditSearch {
    /// All events that match, newest first, 50 a page.
    pub fn new(query: Query, projects: Projects) -> Self {
        Self {
            query,
            projects,
            from_us: None,
            to_us: None,
            sort: SortOrder::NewestFirst,
            limit: 50,
            cursor: None,
        }
    }
}

/// An audit event that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHit {
    /// The recorded application.
    pub project: ProjectId,
    /// The event's id.
    pub id: AuditId,
    /// Unix microseconds.
    pub occurred_at_us: i64,
    /// The record in the log.
    pub position: Position,
    /// The event's canonical bytes ([`hindsight_schemas::audit::AuditEvent`] in JSON).
    pub source: String,
}

/// A page of audit events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The hits in order.
    pub hits: Vec<AuditHit>,
    /// All that match, on all pages.
    pub total: u64,
    /// The cursor of the next page, unless this is the last.
    pub next: Option<String>,
}

/// A search for sessions by what was seen and done in them.
#[derive(Debug, Clone)]
pub struct SessionSearch {
    /// Words and quoted phrases; all must be found in one batch of the session. Empty: every session.
    pub text: String,
    /// A reference (`id` or `type:id`) that must be in it.
    pub reference: Option<String>,
    /// Where to look.
    pub projects: Projects,
    /// Batches with events at or after, Unix milliseconds.
    pub from_ms: Option<i64>,
    /// Batches with events before, Unix milliseconds.
    pub to_ms: Option<i64>,
    /// Sessions at most, 1 to [`MAX_PAGE`].
    pub limit: usize,
}

impl SessionSearch {
    /// All sessions with these words, 50 at most.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            reference: None,
            projects: Projects::All,
            from_ms: None,
            to_ms: None,
            limit: 50,
        }
    }
}

/// A session that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHit {
    /// The recorded application.
    pub project: ProjectId,
    /// The visit.
    pub session_id: SessionId,
    /// The last event of the batches that match, Unix milliseconds.
    pub last_at_ms: i64,
}

/// Sessions, the one with the last match first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// The hits.
    pub hits: Vec<SessionHit>,
    /// There are more than were asked for.
    pub more: bool,
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchHealth {
    /// Documents, stubs included.
    pub documents: u64,
    /// Bytes on disk.
    pub stored_bytes: u64,
}

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SearchError {
    /// The cursor was made by another search, or by no search at all.
    #[error("the cursor belongs to another query")]
    CursorMismatch,
    /// `limit` is out of range.
    #[error("limit {0} is not within 1 to {MAX_PAGE}")]
    Limit(usize),
    /// Another process has this folder.
    #[error("search index {0} is in use by another process: stop it or choose another --data-dir")]
    Locked(String),
    /// The folder holds an index of another layout.
    #[error("search index {0} was made by another version: run `hindsight rebuild search`")]
    OtherLayout(String),
    /// A setting that can't be used.
    #[error("{0}")]
    Settings(String),
    /// The engine takes nothing until a person acts; no document is to blame.
    #[error("search stands still: {0}")]
    Refused(#[from] Refusal),
    /// The engine's own words; nothing is known about what was being written.
    #[error("search failed: {0}")]
    Engine(String),
    /// The engine was closed.
    #[error("search is closed")]
    Closed,
}

impl SearchError {
    /// The name under which it is answered.
    pub fn reason(&self) -> Reason {
        match self {
            SearchError::CursorMismatch => Reason::CursorMismatch,
            SearchError::Limit(_) => Reason::BadParameter,
            SearchError::Locked(_) | SearchError::OtherLayout(_) | SearchError::Settings(_) => {
                Reason::Internal
            }
            SearchError::Refused(_) | SearchError::Engine(_) | SearchError::Closed => Reason::EngineAway,
        }
    }
}

/// The engine.
#[async_trait]
pub trait Search: Send + Sync {
    /// Puts writes into the form in which this engine takes them. It only computes, and takes time: nothing for threads
    /// on which others wait.
    fn encode(&self, writes: Vec<SearchWrite>) -> Result<Encoded, SearchError>;

    /// Writes the documents of a range, one outcome for each; durable when answered, and searchable after the next
    /// [`Search::refresh`], or soon by itself. What was erased is found no more. The range is never looked at to skip a
    /// write: the ids do that.
    async fn write_encoded(
        &self,
        range: WriteRange,
        writes: Arc<Encoded>,
    ) -> Result<Vec<WriteOutcome>, SearchError>;

    /// The same with [`Self::encode`] before it, where it is done once.
    async fn write(
        &self,
        range: WriteRange,
        writes: Vec<SearchWrite>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let encoded = self.encode(writes)?;
        self.write_encoded(range, Arc::new(encoded)).await
    }

    /// What stands under each of these ids, compared with a content_sha256, in their order. Nothing is changed.
    async fn standing(&self, ids: Vec<(DocumentId, [u8; 32])>) -> Result<Vec<Standing>, SearchError>;

    /// One page of audit events.
    async fn search_audit(&self, search: AuditSearch) -> Result<AuditPage, SearchError>;

    /// Sessions by the text of their batches.
    async fn search_sessions(&self, search: SessionSearch) -> Result<SessionPage, SearchError>;

    /// Partitions of which something may have been written: one that is not in the list has no documents.
    async fn written_partitions(&self) -> Result<Vec<WrittenPartition>, SearchError>;

    /// Removes documents whose `expires_at_s` lies before `now_s`: no search finds them afterwards. Says how many
    /// went; an engine may take them in parts, so until it says 0 there may be more. Repeating is harmless. Whether
    /// their ids are free afterwards is the engine's own affair: what comes late under one has expired as well.
    async fn expire(&self, now_s: i64) -> Result<u64, SearchError>;

    /// Makes everything written before this call searchable, by whomever it was written.
    async fn refresh(&self) -> Result<(), SearchError>;

    /// Makes sure that this is the view that is read, not one that was replaced since it was opened. Asked before anything
    /// of a partition is written.
    async fn follow(&self) -> Result<(), SearchError> {
        Ok(())
    }

    /// How the engine is; an error if it can't take writes.
    async fn health(&self) -> Result<SearchHealth, SearchError>;

    /// One audit event.
    async fn get_audit(&self, project: &ProjectId, id: AuditId) -> Result<Option<AuditHit>, SearchError> {
        let query = Query::field(Field::Id, Match::Exact(id.to_string()));
        let page = self.search_audit(AuditSearch::new(query, project.into())).await?;
        Ok(page.hits.into_iter().next())
    }

    /// The audit events of a visit, oldest first; the first [`MAX_PAGE`] of them and their exact number.
    async fn audit_of_session(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<AuditPage, SearchError> {
        let query = Query::field(Field::Session, Match::Exact(session.to_string()));
        self.search_audit(case_search(query, project)).await
    }

    /// The audit events that name a business id, as a reference or as a target, oldest first; the first
    /// [`MAX_PAGE`] of them and their exact number.
    async fn audit_by_reference(
        &self,
        project: &ProjectId,
        kind: &str,
        id: &str,
    ) -> Result<AuditPage, SearchError> {
        let name = format!("{kind}:{id}");
        let query = Query::or(
            [Field::Reference, Field::Target]
                .map(|field| Query::field(field, Match::Exact(field.normalized(&name)))),
        );
        self.search_audit(case_search(query, project)).await
    }
}

fn check_limit(limit: usize) -> Result<(), SearchError> {
    if (1..=MAX_PAGE).contains(&limit) {
        Ok(())
    } else {
        Err(SearchError::Limit(limit))
    }
}

fn case_search(query: Query, project: &ProjectId) -> AuditSearch {
    AuditSearch {
        sort: SortOrder::OldestFirst,
        limit: MAX_PAGE,
        ..AuditSearch::new(query, project.into())
    }
}
