//! What a session consists of: the newest generation plus every flush frame whose (tab, seq) it lacks.
//!
//! Pure. **Invariant:** each (tab, seq) that was stored anywhere is in the plan exactly once, at its lowest position; a
//! twin with other content is listed as conflict, a number that is missing or can't be read as gap. A late batch shows
//! at once, a stale compactor can hide nothing, and damage is a gap with its own reason as long as no copy is whole.

mod holes;
mod needed;
mod plan;
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hindsight_schemas::ids::{Position, ProjectId, Seq, SessionId, Tab};

use super::flush::FlushFrame;
use super::format::{Batch, Conflict, Digest, Footer, Frame, Interval, Keyframe, Run};
use super::frame_id::FrameId;
use super::path::{PathError, SegmentPath};

/// Without interaction for at least this long, an interval counts as inactive (as in rrweb's player).
pub const INACTIVE_MS: i64 = 10_000;

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Batches still come.
    Receiving,
    /// Closed, and not all of it is in a generation.
    Stored,
    /// Closed, all in one generation, no gaps.
    Complete,
    /// Closed with gaps, or with frames that can't be read.
    Damaged,
}

impl State {
    /// The name in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Stored => "stored",
            Self::Complete => "complete",
            Self::Damaged => "damaged",
        }
    }
}

/// What a manifest is made from.
#[derive(Debug, Clone, Default)]
pub struct Sources<'a> {
    /// The footer of the newest generation's claim.
    pub generation: Option<Arc<Footer>>,
    /// The session's flush frames, in any order; those that the generation holds may be among them.
    pub flush: &'a [FlushFrame],
    /// Whether the session was closed (by its end or by silence).
    pub closed: bool,
    /// Frames that were found damaged: another copy of their batches is taken, else they are gaps.
    pub unreadable: BTreeSet<FrameId>,
    /// Batches in objects of which not even the footer can be read: the same holds for them.
    pub lost: &'a [LostBatch],
}

/// A batch in an object whose footer can't be read: all that an index tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostBatch {
    /// The project.
    pub project: ProjectId,
    /// The session.
    pub session_id: SessionId,
    /// The tab.
    pub tab: Tab,
    /// Its number.
    pub seq: Seq,
    /// The frame that held it.
    pub frame: FrameId,
    /// Its place in the log and its content, where the index tells them of each batch.
    pub known: Option<(Position, Digest)>,
    /// Event times of the frame.
    pub span: Interval,
}

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// An index row or footer names an object that can't be one.
    #[error("index or claim names a foreign object")]
    Path(#[from] PathError),
    /// The rows are of several sessions, or the claim is no claim.
    #[error("sources are not of one session: {0}")]
    Mixed(String),
}

/// A frame of the session.
#[derive(Debug, Clone)]
pub struct ManifestFrame {
    /// Its name to the outside.
    pub id: FrameId,
    /// The object that it lies in.
    pub object: SegmentPath,
    /// What it holds.
    pub described: Frame,
}

/// Why a gap is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// Batches with these numbers never came.
    Missing,
    /// They came and were kept, and no copy can be read any more.
    Unreadable,
}

impl GapReason {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing_batches",
            Self::Unreadable => "unreadable_frames",
        }
    }
}

/// Numbers that are missing within a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// The tab.
    pub tab: Tab,
    /// First missing number.
    pub seq_from: Seq,
    /// Last missing number.
    pub seq_to: Seq,
    /// Last event time before missing batches, first of unreadable ones; `None` if nothing comes before.
    pub from_ms: Option<i64>,
    /// First event time behind missing batches, last of unreadable ones; `None` if nothing comes behind.
    pub to_ms: Option<i64>,
}

/// One document load.
#[derive(Debug, Clone)]
pub struct TabManifest {
    /// Which.
    pub tab: Tab,
    /// Least and greatest event time.
    pub span: Interval,
    /// How many events.
    pub events: u64,
    /// The batches that count, by number.
    pub batches: BTreeMap<Seq, Batch>,
    /// Batches that were kept and can't be read, and when they were.
    pub lost: BTreeMap<Seq, Interval>,
    /// Its events in order.
    pub(super) plan: Vec<Piece>,
}

/// Consecutive events of a batch in one of the manifest's frames.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Index into [`Manifest::frames`].
    pub(super) frame: usize,
    /// The events.
    pub(super) run: Run,
    /// Where their text begins in the unpacked frame.
    pub(super) raw_at: u64,
    /// The keyframes among them.
    pub(super) keyframes: Vec<Keyframe>,
    /// A Meta event at their end whose FullSnapshot comes in the next piece.
    pub(super) open_meta: Option<Keyframe>,
}

/// What a session consists of.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The project.
    pub project: ProjectId,
    /// The session.
    pub session_id: SessionId,
    /// How far it is.
    pub state: State,
    /// Least and greatest event time.
    pub span: Interval,
    /// The tabs, by their first event.
    pub tabs: Vec<TabManifest>,
    /// The frames that count, by tab and number.
    pub frames: Vec<ManifestFrame>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// What lost to a twin.
    pub conflicts: Vec<Conflict>,
    /// When nobody did anything, in any tab.
    pub inactive: Vec<Interval>,
    /// Frames that can't be read and are missed: no other copy of what they held is whole.
    pub unreadable: BTreeSet<FrameId>,
    /// The generation that it is made from.
    pub(super) generation: Option<Arc<Footer>>,
}

impl Manifest {
    /// Of one session; `None` if nothing is stored of it.
    pub fn of(sources: Sources<'_>) -> Result<Option<Self>, ManifestError> {
        let Some((project, session_id)) = owner(&sources)? else {
            return Ok(None);
        };
        let mut frames = Vec::new();
        if let Some(footer) = &sources.generation {
            frames.extend(generation_frames(footer)?);
        }
        let flush_from = frames.len();
        for row in sources.flush {
            frames.push(manifest_frame(
                row.object.parse()?,
                row.frame,
                row.described.clone(),
            )?);
        }
        let broken = twins::broken(&sources.unreadable, &frames, flush_from);
        let (winners, conflicts) = twins::winners(&sources, &frames, flush_from, &broken);
        let unreadable = twins::missed(&sources, &frames, &broken, &winners);
        let (frames, mut tabs) = plan::plan(frames, winners);
        tabs.sort_by(|a, b| (a.span.from_ms, &a.tab).cmp(&(b.span.from_ms, &b.tab)));

        let span = tabs
            .iter()
            .map(|tab| tab.span)
            .reduce(hull)
            .unwrap_or(Interval { from_ms: 0, to_ms: 0 });
        let gaps: Vec<Gap> = tabs.iter().flat_map(holes::gaps).collect();
        let inactive = holes::inactive(span, &frames);
        let compacted = frames
            .iter()
            .all(|frame| matches!(frame.id, FrameId::Generation { .. }));
        let state = match (sources.closed, compacted) {
            _ if !unreadable.is_empty() => State::Damaged,
            (false, _) => State::Receiving,
            _ if !gaps.is_empty() => State::Damaged,
            (true, false) => State::Stored,
            (true, true) => State::Complete,
        };
        let generation = sources.generation;
        Ok(Some(Self {
            project,
            session_id,
            state,
            span,
            tabs,
            frames,
            gaps,
            conflicts,
            inactive,
            unreadable,
            generation,
        }))
    }

    /// The number of the session generation that it is made from; 0 without one.
    pub fn generation(&self) -> u32 {
        self.generation
            .as_ref()
            .and_then(|footer| footer.session.as_ref())
            .map_or(0, |session| session.generation)
    }

    /// The generation that it is made from, where that holds all there is: another one would be the same again.
    pub fn standing(&self) -> Option<&Arc<Footer>> {
        let footer = self.generation.as_ref()?;
        let held: BTreeMap<_, _> = footer
            .batches
            .iter()
            .map(|batch| ((&batch.tab, batch.seq), batch.position))
            .collect();
        let all = self.tabs.iter().flat_map(|tab| tab.batches.values());
        let mut new = all.filter(|batch| held.get(&(&batch.tab, batch.seq)) != Some(&batch.position));
        let in_flush = |frame: &ManifestFrame| matches!(frame.id, FrameId::Flush { .. });
        let same = new.next().is_none()
            && self.unreadable.is_empty()
            && self.conflicts.len() == footer.conflicts.len()
            && !self.frames.iter().any(in_flush);
        same.then_some(footer)
    }

    /// One of its tabs.
    pub fn tab(&self, tab: &Tab) -> Option<&TabManifest> {
        self.tabs.iter().find(|candidate| candidate.tab == *tab)
    }

    /// One of its frames.
    pub fn frame(&self, id: FrameId) -> Option<&ManifestFrame> {
        self.frames.iter().find(|frame| frame.id == id)
    }

    /// The batch that is kept longest: its class and expiry hold for the session's object.
    pub fn longest_kept(&self) -> Option<&Batch> {
        self.tabs
            .iter()
            .flat_map(|tab| tab.batches.values())
            .max_by_key(|batch| batch.expires_at_s)
    }
}

impl ManifestFrame {
    /// Whether a player can start with this frame.
    pub fn keyframe(&self) -> bool {
        !self.described.keyframes.is_empty()
    }

    /// The frame that must be unpacked before this one.
    pub fn dictionary(&self) -> Option<FrameId> {
        self.described
            .dictionary
            .and_then(|number| FrameId::of(&self.object, number))
    }
}

fn owner(sources: &Sources<'_>) -> Result<Option<(ProjectId, SessionId)>, ManifestError> {
    let claimed = match &sources.generation {
        None => None,
        Some(footer) => {
            let session = footer.session.as_ref();
            let session = session.ok_or_else(|| ManifestError::Mixed("a footer without session".into()))?;
            Some((session.project.clone(), session.session_id))
        }
    };
    let of_rows = sources
        .flush
        .iter()
        .map(|row| (row.batch.project.clone(), row.batch.session_id));
    let of_lost = sources
        .lost
        .iter()
        .map(|lost| (lost.project.clone(), lost.session_id));
    let mut owners = claimed.into_iter().chain(of_rows).chain(of_lost);
    let Some(first) = owners.next() else {
        return Ok(None);
    };
    match owners.find(|other| *other != first) {
        None => Ok(Some(first)),
        Some(other) => Err(ManifestError::Mixed(format!(
            "{}/{} and {}/{}",
            first.0, first.1, other.0, other.1
        ))),
    }
}

fn generation_frames(footer: &Footer) -> Result<Vec<ManifestFrame>, ManifestError> {
    let Some(session) = &footer.session else {
        return Ok(Vec::new());
    };
    let object: SegmentPath = session.data_path.parse()?;
    (0..)
        .zip(&footer.frames)
        .map(|(number, frame)| manifest_frame(object.clone(), number, frame.clone()))
        .collect()
}

fn manifest_frame(
    object: SegmentPath,
    number: u32,
    described: Frame,
) -> Result<ManifestFrame, ManifestError> {
    let id = FrameId::of(&object, number)
        .ok_or_else(|| ManifestError::Mixed(format!("{object} holds no frames")))?;
    Ok(ManifestFrame {
        id,
        object,
        described,
    })
}

fn hull(a: Interval, b: Interval) -> Interval {
    Interval {
        from_ms: a.from_ms.min(b.from_ms),
        to_ms: a.to_ms.max(b.to_ms),
    }
}
