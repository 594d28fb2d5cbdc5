//! The tables of analytics: from objects what the log no longer has, then the log up to where the lanes go on, then the
//! facts of closed sessions.
//!
//! Sessions are found by the replay index, so one that leaves something out is rebuilt first. **Invariant:** a batch is made
//! from one of both: from the log where that had it when it was read, which is before the objects are. **Failure:** a session
//! that can't be read is counted, and then missed by the comparison ([`super::compare`]).

use std::sync::Arc;

use futures::TryStreamExt;
use hindsight_engines::analytics::Analytics;
use hindsight_engines::failpoint;
use hindsight_engines::log::EventLog;
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::segments::Manifest;
use hindsight_schemas::ids::{ProjectId, SessionId, Topic};
use hindsight_schemas::row_binary::Millis;
use hindsight_schemas::rows::{Batch, RecorderEvent, Session};
use jiff::Timestamp;

use super::archive::each_batch;
use super::behind::refuse_audit_behind;
use super::compare::{compare_audit, compare_recordings};
use super::fill::{Filler, erase};
use super::log::{Rejected, each_page};
use super::reach::Reach;
use super::sessions::{CLOSED, SessionNames, behind_the_log};
use super::whole_index::WholeIndex;
use super::{Commits, Fresh, INDEX_TABLES, RECORDING_TABLES, RebuildError, Report};
use crate::analytics::AnalyticsView;
use crate::analytics::rows::batch_rows;
use crate::erasure::ErasedSessions;
use crate::jobs::Progress;
use crate::lifecycle::facts::session_row;
use crate::replay::generation_rows;

/// What a row of a batch takes.
const BATCH_ROW: usize = 1_024;
/// What a row of a session takes.
const SESSION_ROW: usize = 4_096;

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
    pub commits: Commits,
    /// Whether audit events are made anew too.
    pub audit: bool,
}

/// What the tables were made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TablesFilled {
    /// Batches that objects gave.
    pub batches: u64,
    /// Records that the log gave.
    pub records: u64,
    /// Closed sessions.
    pub sessions: u64,
    /// Sessions that can't be read, in whole or in part.
    pub unread: u64,
    /// Records that are not among them.
    pub rejected: Rejected,
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
    filling.refuse_incomplete(view_generation).await?;
    filling.log(view_generation).await?;
    filling.objects().await?;
    let engine = &*sources.analytics;
    erase(engine, fresh.database(), RECORDING_TABLES, &sources.erased).await?;
    filling.facts().await?;
    filling.begin("comparing", None);
    failpoint::step("rebuild-compare");
    compare_recordings(engine, fresh, &filling.reach, &sources.erased).await?;
    if sources.audit {
        compare_audit(engine, fresh, &filling.reach).await?;
    }
    Ok(filling.filled)
}

impl Filling<'_> {
    /// What can be known before anything is made.
    async fn refuse_incomplete(&self, view_generation: u32) -> Result<(), RebuildError> {
        let Sources {
            analytics,
            replays,
            log,
            erased,
            ..
        } = self.sources;
        if let Some(gone) = INDEX_TABLES.iter().find(|table| !self.fresh.has(table)) {
            let index = self.fresh.current();
            return Err(RebuildError::Unsure(format!(
                "{index}.{gone} is gone, and sessions are found by it: run `hindsight rebuild replay-index` first"
            )));
        }
        if self.sources.audit && self.fresh.has("audit_events") {
            let words = "nothing was changed. --keep-audit leaves the audit events as they are";
            refuse_audit_behind(&**analytics, self.fresh.current(), &**log, &self.reach, words).await?;
        }
        let index = WholeIndex {
            analytics: &**analytics,
            index: self.fresh.current(),
            replays,
            erased,
            reach: &self.reach,
            view_generation,
        };
        index.or_refuse().await
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
            let bytes = record.body.len();
            batches.add([made.batch], BATCH_ROW).await?;
            events.add(made.events, bytes).await
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
        let log = self.sources.log.clone();
        let mut pages = std::pin::pin!(each_page(&*log, &self.reach.clone(), &view));
        while let Some(applied) = pages.try_next().await? {
            self.reach.read_from(applied.partition, applied.from);
            self.filled.records += applied.records;
            self.filled.rejected.add(applied.rejected);
            self.step(applied.passed);
        }
        Ok(())
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
                    rows.add(row, SESSION_ROW).await?;
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
