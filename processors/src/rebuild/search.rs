//! Search, filled anew: activity of objects where the log no longer has the batches, then the log up to the commits.
//!
//! **Invariant:** erased sessions are made known to the new view before anything is written. **Failure:** audit events that
//! the log has forgotten, or a new view with fewer events than the old one, refuse the rebuild. Activity is not compared:
//! the engines don't tell what they have of it. **Bound:** [`RECORDS`] batches of objects, or a page of the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hindsight_engines::analytics::Analytics;
use hindsight_engines::log::{EventLog, StoredRecord};
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::search::query::Query;
use hindsight_engines::search::{
    AuditSearch, Projects, Search, SearchError, SearchWrite, SortOrder, WriteRange,
};
use hindsight_schemas::ids::{Offset, Partition, ProjectId, SessionId, Topic};
use hindsight_schemas::record::Record;
use jiff::Timestamp;

use super::archive::each_batch;
use super::log::{apply, each_page};
use super::reach::Reach;
use super::sessions::{SessionNames, behind_the_log};
use super::{RebuildError, Report};
use crate::erasure::ErasedSessions;
use crate::jobs::Progress;
use crate::search::SearchView;

/// Batches of objects that are written together.
const RECORDS: usize = 1_000;
/// Erased sessions that are written together.
const ERASED_AT_ONCE: usize = 500;

/// What search is made of.
pub struct SearchSources {
    /// The view that is read; none where it can't be opened.
    pub old: Option<Arc<dyn Search>>,
    /// The view to be filled.
    pub fresh: Arc<dyn Search>,
    /// The replay index, which names the sessions.
    pub analytics: Arc<dyn Analytics>,
    /// Its database.
    pub index: String,
    /// What sessions consist of.
    pub replays: Arc<ReplayIndex>,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// What must not come back.
    pub erased: ErasedSessions,
    /// Up to where the search lanes have come.
    pub commits: BTreeMap<Partition, Offset>,
}

/// What search was made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchFilled {
    /// Batches that objects gave.
    pub batches: u64,
    /// Records that the log gave.
    pub records: u64,
    /// Audit events that are found now.
    pub events: u64,
    /// Sessions that can't be read, in whole or in part.
    pub unread: u64,
}

struct Filling<'a> {
    sources: &'a SearchSources,
    view: Arc<SearchView>,
    reach: Reach,
    filled: SearchFilled,
    progress: Progress,
    report: Report<'a>,
}

/// Fills the view beside the one that is read, and compares both.
pub async fn fill_search(
    sources: &SearchSources,
    view_generation: u32,
    report: Report<'_>,
) -> Result<SearchFilled, RebuildError> {
    let topics = [Topic::Recordings, Topic::Audit];
    let mut filling = Filling {
        sources,
        view: Arc::new(SearchView::new(sources.fresh.clone(), view_generation)),
        reach: Reach::of(&*sources.log, &topics, &sources.commits).await?,
        filled: SearchFilled::default(),
        progress: Progress::default(),
        report,
    };
    filling.refuse_without_archive().await?;
    filling.erasures().await?;
    filling.objects().await?;
    filling.log().await?;
    filling.begin("comparing", None);
    filling.compare().await?;
    Ok(filling.filled)
}

impl Filling<'_> {
    /// Audit events have no archive: what the log has forgotten is in the view alone.
    async fn refuse_without_archive(&self) -> Result<(), RebuildError> {
        let Some(old) = &self.sources.old else {
            return Ok(());
        };
        let oldest = AuditSearch {
            sort: SortOrder::OldestFirst,
            limit: 1,
            ..AuditSearch::new(Query::All, Projects::All)
        };
        let found = old.search_audit(oldest).await?;
        let Some(oldest) = found.hits.first().filter(|hit| !self.reach.has(hit.position)) else {
            return Ok(());
        };
        let since = self.reach.since(&*self.sources.log, Topic::Audit).await?;
        let since = since.map_or_else(|| "now".to_owned(), |since| since.to_string());
        let of = Timestamp::from_microsecond(oldest.occurred_at_us).unwrap_or_default();
        Err(RebuildError::WouldLose(format!(
            "an audit event of {of} is found in search and no longer in the log, which reaches back to {since}; audit \
             events have no archive yet, so it and others would be lost, and nothing was changed"
        )))
    }

    async fn erasures(&self) -> Result<(), RebuildError> {
        let partition = Partition {
            topic: Topic::Recordings,
            partition: 0,
        };
        let range = WriteRange {
            log_id: self.sources.log.id(partition.topic),
            partition,
            last: 0,
        };
        let erased = self.sources.erased.all();
        for part in erased.chunks(ERASED_AT_ONCE) {
            let writes = part.iter().filter_map(|(project, session)| {
                Some(SearchWrite::EraseSession {
                    project: project.clone(),
                    session_id: SessionId::new(*session).ok()?,
                })
            });
            self.sources
                .fresh
                .write(range, Arc::new(writes.collect()))
                .await?;
        }
        Ok(())
    }

    async fn objects(&mut self) -> Result<(), RebuildError> {
        self.begin("sessions from objects", None);
        let (analytics, condition) = (self.sources.analytics.clone(), behind_the_log(&self.reach));
        let mut names = SessionNames::new(analytics, &self.sources.index, &condition);
        while let Some(page) = names.page().await? {
            for (project, session) in page {
                self.of_session(&project, session).await?;
                self.step(1);
            }
        }
        Ok(())
    }

    async fn of_session(&mut self, project: &ProjectId, session: SessionId) -> Result<(), RebuildError> {
        if self.sources.erased.contains(project, session) {
            return Ok(());
        }
        let Some(manifest) = self.sources.replays.manifest(project, session).await? else {
            return Ok(());
        };
        let mut unread = !manifest.unreadable.is_empty();
        let (store, manifest) = (self.sources.replays.segments(), Arc::new(manifest));
        let (view, reach, filled) = (&self.view, &self.reach, &mut self.filled);
        let mut waiting: Vec<StoredRecord> = Vec::new();
        let read = each_batch(store, &manifest, async |stamp, batch| {
            if reach.has(stamp.position) {
                return Ok(());
            }
            let appended_at_ms = batch.received_at_us.div_euclid(1_000);
            let Ok(value) = Record::Recording(batch).encode() else {
                unread = true;
                return Ok(());
            };
            filled.batches += 1;
            waiting.push(StoredRecord {
                position: stamp.position,
                appended_at_ms,
                key: Bytes::new(),
                value: Some(value.into()),
                headers: Vec::new(),
            });
            if waiting.len() >= RECORDS {
                apply(view, std::mem::take(&mut waiting)).await?;
            }
            Ok(())
        })
        .await;
        match read {
            Err(RebuildError::Read(error)) if error.is_damage() || error.is_not_found() => {
                tracing::error!(%project, %session, %error, "the session can't be read whole");
                unread = true;
            }
            read => read?,
        }
        apply(&self.view, waiting).await?;
        self.filled.unread += u64::from(unread);
        Ok(())
    }

    async fn log(&mut self) -> Result<(), RebuildError> {
        self.begin("log", Some(self.reach.records()));
        let (log, reach, view) = (self.sources.log.clone(), self.reach.clone(), self.view.clone());
        each_page(&*log, &reach, async |page, passed| {
            self.filled.records += page.len() as u64;
            apply(&view, page).await?;
            self.step(passed);
            Ok(())
        })
        .await
    }

    async fn compare(&mut self) -> Result<(), RebuildError> {
        self.filled.events = events(&self.sources.fresh).await?;
        let Some(old) = &self.sources.old else {
            return Ok(());
        };
        let (before, now) = (events(old).await?, self.filled.events);
        if now >= before {
            return Ok(());
        }
        Err(RebuildError::WouldLose(format!(
            "search finds {before} audit events, and would find {now}: they would be lost, so nothing was changed. If a \
             process was killed before, start it and stop it once, so that its lanes finish what they had begun"
        )))
    }

    fn begin(&mut self, phase: &str, of: Option<u64>) {
        self.progress = Progress::of(phase, of);
        (self.report)(self.progress.clone());
    }

    fn step(&mut self, by: u64) {
        self.progress.done += by;
        (self.report)(self.progress.clone());
    }
}

async fn events(view: &Arc<dyn Search>) -> Result<u64, SearchError> {
    let any = AuditSearch {
        limit: 1,
        ..AuditSearch::new(Query::All, Projects::All)
    };
    Ok(view.search_audit(any).await?.total)
}
