//! The tables of analytics: from objects what the log no longer has, then the log up to where the lanes go on, then the
//! facts of closed sessions.
//!
//! Sessions are found by the replay index, so a lost index is rebuilt first. **Invariant:** a batch is made from one of
//! both: from the log where that has it. **Failure:** a session that can't be read is counted, and then missed by the
//! comparison ([`super::compare`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use hindsight_engines::analytics::{Analytics, Query, query_rows};
use hindsight_engines::log::EventLog;
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::segments::Manifest;
use hindsight_schemas::ids::{Offset, Partition, ProjectId, SessionId, Topic};
use hindsight_schemas::row_binary::Millis;
use hindsight_schemas::rows::{Batch, RecorderEvent, Session};
use jiff::Timestamp;
use serde::Deserialize;

use super::archive::each_batch;
use super::compare::{compare_audit, compare_recordings};
use super::fill::{Filler, LONGEST_S, erase};
use super::log::{apply, each_page};
use super::reach::Reach;
use super::sessions::{CLOSED, SessionNames, behind_the_log};
use super::{Fresh, RECORDING_TABLES, RebuildError, Report};
use crate::analytics::AnalyticsView;
use crate::analytics::rows::batch_rows;
use crate::erasure::ErasedSessions;
use crate::jobs::Progress;
use crate::lifecycle::facts::session_row;
use crate::replay::generation_rows;

/// What the tables are made of.
pub struct Sources {
    /// ClickHouse.
    pub analytics: Arc<dyn Analytics>,
    /// What sessions consist of.
    pub replays: Arc<ReplayIndex>,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// What must not come back.
    pub erased: ErasedSessions,
    /// Up to where the analytics lanes have come.
    pub commits: BTreeMap<Partition, Offset>,
    /// Whether audit events are made anew too.
    pub audit: bool,
}

/// What the tables were made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TablesFilled {
    /// Batches that objects gave.
    pub batches: u64,
    /// Records that the log gave.
    pub records: u64,
    /// Closed sessions.
    pub sessions: u64,
    /// Sessions that can't be read, in whole or in part.
    pub unread: u64,
}

struct Filling<'a> {
    sources: &'a Sources,
    fresh: &'a Fresh,
    reach: Reach,
    filled: TablesFilled,
    progress: Progress,
    report: Report<'a>,
}

/// Fills the tables beside those that are read, and compares both.
pub async fn fill_tables(
    sources: &Sources,
    fresh: &Fresh,
    view_generation: u32,
    report: Report<'_>,
) -> Result<TablesFilled, RebuildError> {
    let topics: &[Topic] = if sources.audit {
        &[Topic::Recordings, Topic::Audit]
    } else {
        &[Topic::Recordings]
    };
    let reach = Reach::of(&*sources.log, topics, &sources.commits).await?;
    let mut filling = Filling {
        sources,
        fresh,
        reach,
        filled: TablesFilled::default(),
        progress: Progress::default(),
        report,
    };
    if sources.audit {
        filling.refuse_without_archive().await?;
    }
    filling.objects().await?;
    filling.log(view_generation).await?;
    let engine = &*sources.analytics;
    erase(engine, fresh.database(), RECORDING_TABLES, &sources.erased).await?;
    filling.facts().await?;
    filling.begin("comparing", None);
    compare_recordings(engine, fresh, &filling.reach, &sources.erased).await?;
    if sources.audit {
        compare_audit(engine, fresh, &filling.reach).await?;
    }
    Ok(filling.filled)
}

#[derive(Deserialize)]
struct Lost {
    count: u64,
    first: String,
    last: String,
}

impl Filling<'_> {
    /// Audit events have no archive: what the log has forgotten is in the view alone.
    async fn refuse_without_archive(&self) -> Result<(), RebuildError> {
        let sql = format!(
            "SELECT count() AS count, toString(min(received_at)) AS first, toString(max(received_at)) AS last \
             FROM {}.audit_events FINAL WHERE expires_at > now() AND NOT {}",
            self.fresh.current(),
            self.reach.kept(Topic::Audit)
        );
        let query = Query::new(sql).setting("max_execution_time", LONGEST_S);
        let found: Vec<Lost> = query_rows(&*self.sources.analytics, query).await?;
        let Some(Lost { count, first, last }) = found.into_iter().find(|lost| lost.count > 0) else {
            return Ok(());
        };
        let since = self.reach.since(&*self.sources.log, Topic::Audit).await?;
        let since = since.map_or_else(|| "now".to_owned(), |since| since.to_string());
        Err(RebuildError::WouldLose(format!(
            "{count} audit events, received from {first} to {last}, are in the view and no longer in the log, which \
             reaches back to {since}; audit events have no archive yet, so they would be lost, and nothing was changed. \
             --keep-audit leaves the audit events as they are"
        )))
    }

    async fn objects(&mut self) -> Result<(), RebuildError> {
        self.begin("sessions from objects", None);
        let (engine, database) = (self.sources.analytics.clone(), self.fresh.database().to_owned());
        let mut batches = Filler::<Batch>::new(&*engine, &database);
        let mut events = Filler::<RecorderEvent>::new(&*engine, &database);
        let mut names = self.names(&behind_the_log(&self.reach));
        while let Some(page) = names.page().await? {
            for (project, session) in page {
                self.of_session(&project, session, &mut batches, &mut events)
                    .await?;
                self.step(1);
            }
        }
        batches.flush().await?;
        events.flush().await?;
        self.filled.batches = batches.inserted;
        Ok(())
    }

    async fn of_session(
        &mut self,
        project: &ProjectId,
        session: SessionId,
        batches: &mut Filler<'_, Batch>,
        events: &mut Filler<'_, RecorderEvent>,
    ) -> Result<(), RebuildError> {
        let Some(manifest) = self.manifest(project, session).await? else {
            return Ok(());
        };
        let (store, reach) = (self.sources.replays.segments(), &self.reach);
        let mut unread = !manifest.unreadable.is_empty();
        let read = each_batch(store, &manifest, async |stamp, record| {
            if reach.has(stamp.position) {
                return Ok(());
            }
            let received_ms = record.received_at_us.div_euclid(1_000);
            let Ok(mut made) = batch_rows(&record, stamp.position, received_ms) else {
                unread = true;
                return Ok(());
            };
            // How many bytes came is stamped, how they were packed is not known any more.
            made.batch.raw_bytes = stamp.raw_bytes.unsigned_abs();
            made.batch.bytes = made.batch.raw_bytes;
            batches.add([made.batch]).await?;
            events.add(made.events).await
        })
        .await;
        match read {
            Err(RebuildError::Read(error)) if error.is_damage() || error.is_not_found() => {
                tracing::error!(%project, %session, %error, "the session can't be read whole");
                unread = true;
            }
            read => read?,
        }
        self.filled.unread += u64::from(unread);
        Ok(())
    }

    async fn log(&mut self, view_generation: u32) -> Result<(), RebuildError> {
        self.begin("log", Some(self.reach.records()));
        let erased = self.sources.erased.clone();
        let view = AnalyticsView::new(self.sources.analytics.clone(), erased, view_generation);
        let view = Arc::new(view.in_database(self.fresh.database()));
        let (log, reach) = (self.sources.log.clone(), self.reach.clone());
        each_page(&*log, &reach, async |page, passed| {
            self.filled.records += page.len() as u64;
            apply(&view, page).await?;
            self.step(passed);
            Ok(())
        })
        .await
    }

    /// One row for each session that is closed and whole; the others are closed by lifecycle.
    async fn facts(&mut self) -> Result<(), RebuildError> {
        self.begin("facts of sessions", None);
        let (engine, database) = (self.sources.analytics.clone(), self.fresh.database().to_owned());
        let mut rows = Filler::<Session>::new(&*engine, &database);
        let mut names = self.names(CLOSED);
        while let Some(page) = names.page().await? {
            for (project, session) in page {
                if let Some(manifest) = self.manifest(&project, session).await?
                    && let Some(standing) = manifest.standing()
                {
                    let segments = generation_rows(standing);
                    let stored_bytes = segments.iter().map(|row| row.bytes).sum();
                    let (generation, now) =
                        (manifest.generation(), Millis(Timestamp::now().as_millisecond()));
                    let row =
                        session_row(&*engine, &database, &manifest, generation, stored_bytes, now).await?;
                    rows.add(row).await?;
                }
                self.step(1);
            }
        }
        rows.flush().await?;
        self.filled.sessions = rows.inserted;
        Ok(())
    }

    fn names(&self, condition: &str) -> SessionNames {
        let index = self.fresh.current();
        SessionNames::new(self.sources.analytics.clone(), index, condition)
    }

    async fn manifest(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Option<Arc<Manifest>>, RebuildError> {
        if self.sources.erased.contains(project, session) {
            return Ok(None);
        }
        let found = self.sources.replays.manifest(project, session).await?;
        Ok(found.map(Arc::new))
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
