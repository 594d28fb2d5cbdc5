//! Answers from the last commit: which documents match, then what was stored of those on the page.
//!
//! **Bound:** a page of [`MAX_PAGE`](super::super::MAX_PAGE) sources in memory.

use std::sync::Arc;

use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::{AuditId, SessionId};
use tantivy::collector::Count;
use tantivy::{DocAddress, Index, IndexReader, Searcher, TantivyDocument};
use uuid::Uuid;

use super::super::cursor::SortKey;
use super::super::parse::text_only;
use super::super::{
    AuditHit, AuditPage, AuditSearch, SearchError, SearchHealth, SessionHit, SessionPage, SessionSearch,
    Standing, check_limit,
};
use super::collect::{PageCollector, SessionCollector};
use super::engine;
use super::layout::Layout;

/// What searches need.
pub(super) struct Shared {
    pub(super) index: Index,
    pub(super) reader: IndexReader,
    pub(super) layout: Arc<Layout>,
}

impl Shared {
    pub(super) fn search_audit(&self, search: &AuditSearch) -> Result<AuditPage, SearchError> {
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

    pub(super) fn search_sessions(&self, search: &SessionSearch) -> Result<SessionPage, SearchError> {
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

    pub(super) fn standing(&self, ids: &[(DocumentId, [u8; 32])]) -> Result<Vec<Standing>, SearchError> {
        let searcher = self.reader.searcher();
        let each = ids.iter().map(|wanted| self.layout.standing(&searcher, wanted));
        each.collect()
    }

    /// How many documents have expired.
    pub(super) fn expired(&self, now_s: i64) -> Result<u64, SearchError> {
        let searcher = self.reader.searcher();
        let count = searcher.search(&*self.layout.expired_query(now_s), &Count);
        Ok(count.map_err(engine)? as u64)
    }

    pub(super) fn health(&self) -> Result<SearchHealth, SearchError> {
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
