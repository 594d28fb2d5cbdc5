//! Collects the events of one frame: their text, and what the footer says about it.
//!
//! **Invariant:** the text is each event as sent plus a line feed; the facts depend on these events only.
//! **Bound:** [`MAX_ACTIVE`] intervals of activity a frame; beyond that the last one grows.

use hindsight_schemas::ids::Seq;

use super::footer::{Interval, Keyframe, Run};
use crate::rrweb::{EventHead, EventKind};

/// Intervals of activity that a frame lists at most.
pub const MAX_ACTIVE: usize = 64;

/// Interactions that are at most this far apart are one interval.
pub const ACTIVE_JOIN_MS: i64 = 5_000;

/// Longest address that is kept, bytes; longer ones are cut at a character.
const MAX_URL_BYTES: usize = 2_048;

/// The events of one frame so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameText {
    /// Each event's text and a line feed.
    pub raw: Vec<u8>,
    /// Which events these are.
    pub runs: Vec<Run>,
    /// Where a player can start.
    pub keyframes: Vec<Keyframe>,
    /// When a person did something.
    pub active: Vec<Interval>,
    /// The address of the last Meta event; empty without one.
    pub url: String,
    /// A Meta event whose FullSnapshot did not come yet.
    pub open_meta: Option<Keyframe>,
}

impl FrameText {
    /// Adds the event `index` of batch `seq`. An event without head (not rrweb) is kept and has no time.
    pub fn push(&mut self, seq: Seq, index: u32, event: &[u8], head: Option<&EventHead<'_>>) {
        self.raw.extend_from_slice(event);
        self.raw.push(b'\n');
        let at_ms = head.map(|head| head.timestamp_ms);
        self.extend_run(seq, index, event.len() as u64 + 1, at_ms);
        if let Some(head) = head {
            self.note(seq, index, head);
        }
    }

    /// How many events.
    pub fn events(&self) -> u32 {
        self.runs.iter().map(|run| run.events).sum()
    }

    /// Least and greatest event time; zeros without events that have one.
    pub fn span(&self) -> Interval {
        let timed = self.runs.iter().filter(|run| run.from_ms <= run.to_ms);
        let span = timed.fold(NO_TIME, |span, run| Interval {
            from_ms: span.from_ms.min(run.from_ms),
            to_ms: span.to_ms.max(run.to_ms),
        });
        if span == NO_TIME {
            Interval { from_ms: 0, to_ms: 0 }
        } else {
            span
        }
    }

    /// Adds all events of `next` behind these.
    pub fn append(&mut self, next: Self) {
        self.raw.extend_from_slice(&next.raw);
        for run in next.runs {
            match self.runs.last_mut() {
                Some(last) if last.seq == run.seq && last.index + last.events == run.index => {
                    last.events += run.events;
                    last.raw_bytes += run.raw_bytes;
                    last.from_ms = last.from_ms.min(run.from_ms);
                    last.to_ms = last.to_ms.max(run.to_ms);
                }
                _ => self.runs.push(run),
            }
        }
        let has_keyframe = !next.keyframes.is_empty();
        self.keyframes.extend(next.keyframes);
        for interval in next.active {
            self.note_active(interval);
        }
        if !next.url.is_empty() {
            self.url = next.url;
        }
        self.open_meta = next.open_meta.or(self.open_meta.filter(|_| !has_keyframe));
    }

    fn extend_run(&mut self, seq: Seq, index: u32, raw_bytes: u64, at_ms: Option<i64>) {
        let extends = self
            .runs
            .last()
            .is_some_and(|run| run.seq == seq && run.index + run.events == index);
        if !extends {
            let Interval { from_ms, to_ms } = NO_TIME;
            self.runs.push(Run {
                seq,
                index,
                events: 0,
                raw_bytes: 0,
                from_ms,
                to_ms,
            });
        }
        let run = self.runs.last_mut().expect("there is one now");
        run.events += 1;
        run.raw_bytes += raw_bytes;
        if let Some(at_ms) = at_ms {
            run.from_ms = run.from_ms.min(at_ms);
            run.to_ms = run.to_ms.max(at_ms);
        }
    }

    fn note(&mut self, seq: Seq, index: u32, head: &EventHead<'_>) {
        let meta = head.kind == EventKind::Meta;
        let here = Keyframe {
            seq,
            index,
            at_ms: head.timestamp_ms,
            meta,
        };
        match head.kind {
            EventKind::Meta => {
                self.open_meta = Some(here);
                if let Some(href) = head.href() {
                    self.url = cut(&href).to_owned();
                }
            }
            EventKind::FullSnapshot => self.keyframes.push(self.open_meta.take().unwrap_or(here)),
            _ if head.is_interaction() => {
                self.note_active(Interval {
                    from_ms: head.timestamp_ms,
                    to_ms: head.timestamp_ms,
                });
            }
            _ => {}
        }
    }

    fn note_active(&mut self, interval: Interval) {
        let full = self.active.len() == MAX_ACTIVE;
        match self.active.last_mut() {
            Some(last)
                if full
                    || (interval.from_ms <= last.to_ms.saturating_add(ACTIVE_JOIN_MS)
                        && interval.to_ms >= last.from_ms.saturating_sub(ACTIVE_JOIN_MS)) =>
            {
                last.from_ms = last.from_ms.min(interval.from_ms);
                last.to_ms = last.to_ms.max(interval.to_ms);
            }
            _ => self.active.push(interval),
        }
    }
}

/// An interval that any time makes smaller.
const NO_TIME: Interval = Interval {
    from_ms: i64::MAX,
    to_ms: i64::MIN,
};

fn cut(url: &str) -> &str {
    &url[..url.floor_char_boundary(MAX_URL_BYTES)]
}
