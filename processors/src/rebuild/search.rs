//! Search, filled anew: the log up to the commits, then activity of objects where the log no longer had the batches.
//!
//! **Invariants:** erased sessions are made known to the new view before anything is written; each audit event of the old
//! view that the lanes had passed is in the log that is applied. **Failure:** audit events that the log has forgotten, or a
//! new view with fewer events than the old one, refuse the rebuild; where the old view can't be read, ClickHouse is asked
//! instead. Activity is not compared: the engines don't tell what they have of it. **Bound:** [`RECORDS`] batches of objects
//! or [`BYTES`] of them, or some pages of the log.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use hindsight_engines::analytics::Analytics;
use hindsight_engines::failpoint;
use hindsight_engines::log::{EventLog, StoredRecord};
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::search::query::Query;
use hindsight_engines::search::{
    AuditHit, AuditSearch, Projects, Search, SearchError, SearchWrite, SortOrder, WriteRange,
};
use hindsight_schemas::ids::{Partition, ProjectId, SessionId, Topic};
use hindsight_schemas::record::Record;
use jiff::Timestamp;

use super::archive::each_batch;
use super::behind::{refuse_audit_behind, since};
use super::fill::BYTES;
use super::log::{Rejected, apply, each_page};
use super::reach::Reach;
use super::sessions::{SessionNames, behind_the_log};
use super::whole_index::WholeIndex;
use super::{Commits, RebuildError, Report};
use crate::erasure::ErasedSessions;
use crate::jobs::Progress;
use crate::search::SearchView;

/// Batches of objects that are written together.
const RECORDS: usize = 1_000;
/// Erased sessions that are written together.
const ERASED_AT_ONCE: usize = 500;
/// Events of the old view that are looked at together.
const HITS: usize = 1_000;

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
    pub commits: Commits,
    /// Whether it goes on though something would be found no more.
    pub accept_loss: bool,
}

/// What search was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchFilled {
    /// Batches that objects gave.
    pub batches: u64,
    /// Records that the log gave.
    pub records: u64,
    /// Audit events that are found now.
    pub events: u64,
    /// Sessions that can't be read, in whole or in part.
    pub unread: u64,
    /// Records that are not in it.
    pub rejected: Rejected,
    /// Whether it was compared with the old view.
    pub compared: bool,
}

/// What the old view has that the lanes had passed.
enum Old {
    Events(u64),
    /// It can't be read, or need not be.
    Unread,
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
    filling.refuse_incomplete_index(view_generation).await?;
    filling.begin("audit events of the old index", None);
    let mut old = filling.old().await?;
    filling.erasures().await?;
    if filling.log().await? {
        old = filling.old().await?;
    }
    filling.objects().await?;
    filling.begin("comparing", None);
    failpoint::step("rebuild-compare");
    sources.fresh.refresh().await?;
    filling.compare(&old).await?;
    Ok(filling.filled)
}

impl Filling<'_> {
    async fn refuse_incomplete_index(&self, view_generation: u32) -> Result<(), RebuildError> {
        let index = WholeIndex {
            analytics: &*self.sources.analytics,
            index: &self.sources.index,
            replays: &self.sources.replays,
            erased: &self.sources.erased,
            reach: &self.reach,
            view_generation,
        };
        index.or_refuse().await
    }

    /// Audit events have no archive: what the log has forgotten is in the old view alone, if it can be asked.
    async fn old(&mut self) -> Result<Old, RebuildError> {
        if self.sources.accept_loss {
            return Ok(Old::Unread);
        }
        if let Some(old) = self.sources.old.clone() {
            match self.walk(&*old).await {
                Err(RebuildError::Search(error)) => {
                    tracing::warn!(%error, "the old index can't be read: clickhouse is asked what it had");
                }
                walked => return walked,
            }
        }
        let words = "the old index can't be read, so nothing tells whether it has them. --accept-loss goes on without them";
        let (analytics, log) = (&*self.sources.analytics, &*self.sources.log);
        refuse_audit_behind(analytics, &self.sources.index, log, &self.reach, words).await?;
        Ok(Old::Unread)
    }

    /// Looks at all events of the old view.
    async fn walk(&mut self, old: &dyn Search) -> Result<Old, RebuildError> {
        old.refresh().await?;
        let (mut events, mut cursor) = (0, None);
        loop {
            let search = AuditSearch {
                sort: SortOrder::OldestFirst,
                limit: HITS,
                cursor,
                ..AuditSearch::new(Query::All, Projects::All)
            };
            let page = old.search_audit(search).await?;
            if let Some(lost) = page.hits.iter().find(|hit| !self.reach.has(hit.position)) {
                return Err(self.forgotten(lost).await?);
            }
            let passed = |hit: &&AuditHit| !self.reach.is_ahead(hit.position);
            events += page.hits.iter().filter(passed).count() as u64;
            self.step(page.hits.len() as u64);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Old::Events(events));
            }
        }
    }

    async fn forgotten(&self, lost: &AuditHit) -> Result<RebuildError, RebuildError> {
        let since = since(&*self.sources.log, &self.reach).await?;
        let of = Timestamp::from_microsecond(lost.occurred_at_us).unwrap_or_default();
        Ok(RebuildError::WouldLose(format!(
            "an audit event of {of} is found in search and no longer in the log, which reaches back to {since}; audit \
             events have no archive yet, so it and others would be lost, and nothing was changed. --accept-loss goes on \
             without them"
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
            self.sources.fresh.write(range, writes.collect()).await?;
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
        let (mut waiting, mut bytes): (Vec<StoredRecord>, usize) = (Vec::new(), 0);
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
            bytes += value.len();
            waiting.push(StoredRecord {
                position: stamp.position,
                appended_at_ms,
                key: Bytes::new(),
                value: Some(value.into()),
                headers: Vec::new(),
            });
            if waiting.len() >= RECORDS || bytes >= BYTES {
                bytes = 0;
                filled
                    .rejected
                    .add(apply(view, std::mem::take(&mut waiting)).await?);
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
        self.filled.rejected.add(apply(&self.view, waiting).await?);
        self.filled.unread += u64::from(unread);
        Ok(())
    }

    /// Says whether retention had taken audit events before they were read.
    async fn log(&mut self) -> Result<bool, RebuildError> {
        self.begin("log", Some(self.reach.records()));
        let (log, view) = (self.sources.log.clone(), self.view.clone());
        let mut pages = std::pin::pin!(each_page(&*log, &self.reach.clone(), &view));
        let mut moved = false;
        while let Some(applied) = pages.try_next().await? {
            moved |= self.reach.read_from(applied.partition, applied.from)
                && applied.partition.topic == Topic::Audit;
            self.filled.records += applied.records;
            self.filled.rejected.add(applied.rejected);
            self.step(applied.passed);
        }
        Ok(moved)
    }

    async fn compare(&mut self, old: &Old) -> Result<(), RebuildError> {
        self.filled.events = events(&self.sources.fresh).await?;
        self.filled.compared = matches!(old, Old::Events(_));
        if self.sources.accept_loss {
            return Ok(());
        }
        self.filled.rejected.refuse()?;
        match (old, self.filled.events) {
            (Old::Events(before), now) if now < *before => Err(RebuildError::WouldLose(format!(
                "search finds {before} audit events, and would find {now}: they would be lost, so nothing was changed"
            ))),
            _ => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hindsight_engines::analytics::{Endpoint, HttpAnalytics, HttpOptions};
    use hindsight_engines::log::embedded::{EmbeddedLog, Options};
    use hindsight_engines::search::conformance::events;
    use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
    use hindsight_engines::segments::LocalSegments;
    use hindsight_schemas::ids::{LogId, Position};
    use uuid::Uuid;

    use super::*;

    const PARTITION: Partition = Partition {
        topic: Topic::Audit,
        partition: 0,
    };

    fn search(folder: &Path) -> Arc<dyn Search> {
        Arc::new(EmbeddedSearch::open(folder, WriterMemory::default()).unwrap())
    }

    /// What of a search view is asked here; nothing of ClickHouse is.
    fn sources(folder: &Path, old: Arc<dyn Search>, log: EmbeddedLog) -> SearchSources {
        let nowhere = Endpoint {
            url: "http://127.0.0.1:9/".into(),
            user: String::new(),
            password: String::new(),
        };
        let analytics: Arc<dyn Analytics> = Arc::new(HttpAnalytics::at(nowhere, HttpOptions::default()));
        let segments: Arc<dyn hindsight_engines::segments::SegmentStore> =
            Arc::new(LocalSegments::open(&folder.join("segments")).unwrap());
        SearchSources {
            old: Some(old),
            fresh: search(&folder.join("fresh")),
            replays: Arc::new(ReplayIndex::new(analytics.clone(), segments.clone(), 1)),
            analytics,
            index: "nowhere".into(),
            log: Arc::new(log),
            erased: ErasedSessions::new(segments),
            commits: Commits::new(),
            accept_loss: false,
        }
    }

    /// The events of the conformance suite, each from the log at the offset of its number, save for one.
    async fn view_with(folder: &Path, log_id: LogId, forgotten: Option<usize>) -> Arc<dyn Search> {
        let old = search(&folder.join("old"));
        let mut documents: Vec<_> = events()
            .into_iter()
            .map(|event| event.document(&"shop".parse().unwrap()))
            .collect();
        documents.sort_by_key(|document| document.occurred_at_us);
        let writes = documents.into_iter().enumerate().map(|(number, mut document)| {
            let log_id = if forgotten == Some(number) {
                LogId(Uuid::nil())
            } else {
                log_id
            };
            document.position = Position {
                log_id,
                partition: PARTITION,
                offset: number as u64,
            };
            SearchWrite::CreateAudit(Box::new(document))
        });
        let range = WriteRange {
            log_id,
            partition: PARTITION,
            last: 8,
        };
        old.write(range, writes.collect()).await.unwrap();
        old
    }

    #[tokio::test]
    async fn any_event_that_the_log_has_forgotten_refuses_not_only_the_oldest() {
        for (forgotten, refused) in [(None, false), (Some(0), true), (Some(5), true)] {
            let folder = tempfile::tempdir().unwrap();
            let log = EmbeddedLog::open(&folder.path().join("log"), Options::default()).unwrap();
            let log_id = log.id(PARTITION.topic);
            let old = view_with(folder.path(), log_id, forgotten).await;
            let sources = sources(folder.path(), old, log);
            let reach = Reach::of(&*sources.log, &[PARTITION.topic], &sources.commits).await;
            let mut filling = Filling {
                sources: &sources,
                view: Arc::new(SearchView::new(sources.fresh.clone(), 1)),
                reach: reach.unwrap(),
                filled: SearchFilled::default(),
                progress: Progress::default(),
                report: &|_| {},
            };
            let walked = filling.old().await;
            assert_eq!(walked.is_err(), refused, "{forgotten:?}");
            if let Err(error) = walked {
                assert!(error.to_string().contains("no archive yet"), "{error}");
            }
        }
    }
}
