//! The replay index, made of the footers of all objects. It reads objects and makes none.
//!
//! **Invariant:** the new index names every flush object, and of each session the newest generation. What no footer tells
//! any more, because the object is damaged or gone, is taken over from the old index: only so is it a gap, and not
//! silence. It is refused where it would name fewer sessions than the old one. **Bound:** a page of names, [`PART`] footers.

use futures::stream::{self, StreamExt};
use hindsight_engines::analytics::Analytics;
use hindsight_engines::failpoint;
use hindsight_engines::segments::format::Footer;
use hindsight_engines::segments::{
    Listed, Prefix, ReadError, SegmentPath, SegmentStore, flush_frames, footer,
};
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::rows::Segment;
use jiff::Timestamp;

use super::compare::compare_sessions;
use super::fill::{Filler, copy, erase};
use super::{Fresh, INDEX_TABLES, RebuildError, Report};
use crate::erasure::ErasedSessions;
use crate::jobs::Progress;
use crate::lifecycle::removal::walk::Walk;
use crate::replay::{flush_row, generation_rows};

/// Footers that are read at the same time.
const AT_ONCE: usize = 16;
/// What a row takes.
const ROW: usize = 512;
/// Footers that are held at the same time.
const PART: usize = 256;

/// What the index was made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexFilled {
    /// Flush objects.
    pub flushes: u64,
    /// Sessions with a generation.
    pub sessions: u64,
    /// Rows of the index that footers gave.
    pub rows: u64,
    /// Objects whose footers can't be read.
    pub damaged: u64,
}

struct Filling<'a> {
    analytics: &'a dyn Analytics,
    segments: &'a dyn SegmentStore,
    erased: &'a ErasedSessions,
    fresh: &'a Fresh,
    rows: Filler<'a, Segment>,
    now_s: i64,
    filled: IndexFilled,
    progress: Progress,
    report: Report<'a>,
}

/// Fills the table of the index beside the one that is read; with `accept_loss` also where it names fewer sessions.
pub async fn fill_replay_index(
    analytics: &dyn Analytics,
    segments: &dyn SegmentStore,
    erased: &ErasedSessions,
    fresh: &Fresh,
    view_generation: u32,
    accept_loss: bool,
    report: Report<'_>,
) -> Result<IndexFilled, RebuildError> {
    let mut filling = Filling {
        analytics,
        segments,
        erased,
        fresh,
        rows: Filler::new(analytics, fresh.database()),
        now_s: Timestamp::now().as_second(),
        filled: IndexFilled::default(),
        progress: Progress::default(),
        report,
    };
    filling.flushes(view_generation).await?;
    let damaged = filling.generations().await?;
    filling.rows.flush().await?;
    filling.take_over(&damaged).await?;
    erase(analytics, fresh.database(), INDEX_TABLES, erased).await?;
    filling.begin("comparing");
    failpoint::step("rebuild-compare");
    if !accept_loss {
        compare_sessions(analytics, fresh, erased).await?;
    }
    filling.filled.rows = filling.rows.inserted;
    Ok(filling.filled)
}

impl Filling<'_> {
    async fn flushes(&mut self, view: u32) -> Result<(), RebuildError> {
        self.begin("flush objects");
        let mut walk = Walk::new(self.segments, Prefix::Flushes { view });
        while let Some(page) = walk.page().await? {
            for part in page.chunks(PART) {
                for (path, footer) in self.footers(part.iter().map(|listed| &listed.path)).await {
                    if let Some(footer) = self.unless_damaged(&path, footer)? {
                        let rows = self.flush_rows(&path, &footer);
                        let bytes = rows.len() * ROW;
                        self.rows.add(rows, bytes).await?;
                        self.filled.flushes += 1;
                    }
                    self.step();
                }
            }
        }
        Ok(())
    }

    fn flush_rows(&self, path: &SegmentPath, footer: &Footer) -> Vec<Segment> {
        let frames = flush_frames(path, footer);
        let kept = frames.iter().filter(|frame| {
            frame.batch.expires_at_s > self.now_s
                && !self.erased.contains(&frame.batch.project, frame.batch.session_id)
        });
        kept.map(flush_row).collect()
    }

    /// The newest generation of each session; the claims that can't be read.
    async fn generations(&mut self) -> Result<Vec<SegmentPath>, RebuildError> {
        self.begin("sessions");
        let (mut damaged, mut newest) = (Vec::new(), None::<Listed>);
        let mut walk = Walk::new(self.segments, Prefix::Claims);
        loop {
            let page = walk.page().await?;
            let ended = page.is_none();
            let mut claims = Vec::new();
            for listed in page.into_iter().flatten() {
                // Claims of a session follow each other, oldest first.
                if let Some(before) = newest.replace(listed)
                    && session_of(&before.path) != newest.as_ref().and_then(|next| session_of(&next.path))
                {
                    claims.push(before.path);
                }
            }
            if ended {
                claims.extend(newest.take().map(|last| last.path));
            }
            for part in claims.chunks(PART) {
                for (path, footer) in self.footers(part.iter()).await {
                    match self.unless_damaged(&path, footer)? {
                        Some(footer) => self.generation(&footer).await?,
                        None => damaged.push(path),
                    }
                    self.step();
                }
            }
            if ended {
                return Ok(damaged);
            }
        }
    }

    async fn generation(&mut self, claim: &Footer) -> Result<(), RebuildError> {
        let is_erased = claim
            .session
            .as_ref()
            .is_some_and(|session| self.erased.contains(&session.project, session.session_id));
        let mut rows = generation_rows(claim);
        rows.retain(|row| i64::from(row.expires_at.0) > self.now_s);
        if is_erased || rows.is_empty() {
            return Ok(());
        }
        self.filled.sessions += 1;
        let bytes = rows.len() * ROW;
        self.rows.add(rows, bytes).await
    }

    /// What only the old index knows.
    async fn take_over(&self, damaged: &[SegmentPath]) -> Result<(), RebuildError> {
        let (from, to) = (self.fresh.current(), self.fresh.database());
        let unread = format!(
            "generation = 0 AND object NOT IN (SELECT object FROM {to}.segments WHERE generation = 0)"
        );
        copy::<Segment>(self.analytics, (from, to), &unread, |query| query).await?;
        for claim in damaged {
            let SegmentPath::Claim {
                project,
                session,
                generation,
            } = claim
            else {
                continue;
            };
            let of_claim = "project = {project:String} AND session_id = {session:UUID} \
                            AND generation = {generation:UInt32}";
            copy::<Segment>(self.analytics, (from, to), of_claim, |query| {
                query
                    .param("project", project.as_str())
                    .param("session", session.uuid())
                    .param("generation", *generation)
            })
            .await?;
        }
        Ok(())
    }

    async fn footers(
        &self,
        paths: impl Iterator<Item = &SegmentPath>,
    ) -> Vec<(SegmentPath, Result<Footer, ReadError>)> {
        let segments = self.segments;
        stream::iter(paths.cloned())
            .map(|path| async move {
                let read = footer(segments, &path).await;
                (path, read)
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    fn unless_damaged(
        &mut self,
        path: &SegmentPath,
        read: Result<Footer, ReadError>,
    ) -> Result<Option<Footer>, RebuildError> {
        match read {
            Ok(footer) => Ok(Some(footer)),
            Err(error) if error.is_damage() || error.is_not_found() => {
                tracing::error!(object = %path, %error, "its footer can't be read: the old index is asked");
                self.filled.damaged += 1;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn begin(&mut self, phase: &str) {
        self.progress = Progress::of(phase, None);
        (self.report)(self.progress.clone());
    }

    fn step(&mut self) {
        self.progress.done += 1;
        (self.report)(self.progress.clone());
    }
}

fn session_of(path: &SegmentPath) -> Option<(&ProjectId, SessionId)> {
    match path {
        SegmentPath::Claim { project, session, .. } => Some((project, *session)),
        _ => None,
    }
}
