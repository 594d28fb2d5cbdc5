//! Cuts the events of a tab into frames: at keyframes, and where a frame gets too long.
//!
//! **Invariant:** a frame that holds a keyframe begins with it (Meta, then FullSnapshot), save for the few events of a
//! document's start; where frames are cut depends on the events and the options only. **Bound:** a frame is
//! `frame_bytes` and one event at most.

use hindsight_schemas::ids::Seq;

use crate::rrweb::{EventHead, EventKind};
use crate::segments::format::FrameText;

/// Events between a Meta and its FullSnapshot that are waited for; more, and the Meta had none.
const HELD_BYTES: usize = 64 << 10;

/// What a document sends before its first keyframe stays in the keyframe's frame, up to this.
const PRELUDE_BYTES: usize = 16 << 10;

/// A frame that is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) text: FrameText,
    /// The address at the frame's end.
    pub(super) url: String,
    /// Bytes of the keyframe's snapshot, if the frame ends with one that is to serve as base.
    pub(super) base: Option<usize>,
}

/// Cuts one tab.
#[derive(Debug)]
pub(super) struct Cutter {
    frame_bytes: usize,
    current: FrameText,
    /// From a Meta on, until its FullSnapshot comes.
    held: FrameText,
    url: String,
    done: Vec<Cut>,
}

impl Cutter {
    pub(super) fn new(frame_bytes: usize) -> Self {
        let (current, held) = (FrameText::default(), FrameText::default());
        Self {
            frame_bytes,
            current,
            held,
            url: String::new(),
            done: Vec::new(),
        }
    }

    /// Adds the next event; `is_base(url, snapshot bytes)` decides whether a keyframe gets a frame of its own.
    pub(super) fn push(
        &mut self,
        seq: Seq,
        index: u32,
        event: &[u8],
        is_base: impl FnOnce(&str, usize) -> bool,
    ) {
        let head = EventHead::of(event);
        match head.map(|head| head.kind) {
            Some(EventKind::Meta) => {
                self.release();
                self.held.push(seq, index, event, head.as_ref());
            }
            Some(EventKind::FullSnapshot) => {
                self.begin_with_keyframe();
                self.current.push(seq, index, event, head.as_ref());
                self.note_url();
                if is_base(&self.url, event.len()) {
                    self.cut(Some(event.len()));
                }
            }
            _ if self.held.raw.is_empty() => self.current.push(seq, index, event, head.as_ref()),
            _ => {
                self.held.push(seq, index, event, head.as_ref());
                if self.held.raw.len() > HELD_BYTES {
                    self.release();
                }
            }
        }
        if self.current.raw.len() >= self.frame_bytes {
            self.cut(None);
        }
    }

    /// The frames that are cut by now.
    pub(super) fn take(&mut self) -> Vec<Cut> {
        std::mem::take(&mut self.done)
    }

    /// The rest.
    pub(super) fn finish(mut self) -> Vec<Cut> {
        self.release();
        self.cut(None);
        self.done
    }

    fn begin_with_keyframe(&mut self) {
        let is_prelude = self.current.keyframes.is_empty()
            && self.current.raw.len() <= PRELUDE_BYTES
            && self.url.is_empty();
        if !is_prelude {
            self.cut(None);
        }
        self.release();
    }

    /// What is held belongs to the present frame after all.
    fn release(&mut self) {
        self.current.append(std::mem::take(&mut self.held));
        self.note_url();
    }

    fn note_url(&mut self) {
        if !self.current.url.is_empty() {
            self.url.clone_from(&self.current.url);
        }
    }

    fn cut(&mut self, base: Option<usize>) {
        self.note_url();
        if !self.current.raw.is_empty() {
            let text = std::mem::take(&mut self.current);
            self.done.push(Cut {
                text,
                url: self.url.clone(),
                base,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters are events: m Meta, f FullSnapshot, o another; frames are shown with `|` between, bases with `!`.
    fn check(events: &str, base: bool, expected: &str) {
        let mut cutter = Cutter::new(100_000);
        for (index, letter) in (0..).zip(events.chars()) {
            let text = match letter {
                'm' => r#"{"type":4,"data":{"href":"http://x/p"},"timestamp":1}"#.to_owned(),
                'f' => r#"{"type":2,"data":{"node":{}},"timestamp":1}"#.to_owned(),
                'L' => format!(
                    r#"{{"type":3,"data":{{"source":0,"x":"{}"}},"timestamp":1}}"#,
                    "x".repeat(70_000)
                ),
                _ => r#"{"type":3,"data":{"source":1},"timestamp":1}"#.to_owned(),
            };
            cutter.push(0, index, text.as_bytes(), |url, _| {
                assert_eq!(url, "http://x/p");
                base
            });
        }
        let mut at = 0;
        let frames: Vec<String> = cutter
            .finish()
            .into_iter()
            .map(|cut| {
                let from = at;
                at += cut.text.events() as usize;
                format!(
                    "{}{}",
                    &events[from..at],
                    if cut.base.is_some() { "!" } else { "" }
                )
            })
            .collect();
        assert_eq!(frames.join("|"), expected);
    }

    #[test]
    fn frames_begin_with_keyframes() {
        check("oomfooomfoo", false, "oomfooo|mfoo");
        check("oomfooomfoo", true, "oomf!|ooo|mf!|oo");
        check("mfmf", false, "mf|mf");
        check("mfoofoo", false, "mfoo|foo");
        check("", true, "");
    }

    #[test]
    fn a_meta_without_snapshot_cuts_nothing() {
        check("mfomoo", false, "mfomoo");
        check("mfomLomf", false, "mfomLo|mf");
        check("mfoomomf", false, "mfoomo|mf");
    }

    #[test]
    fn long_frames_are_cut() {
        check("mfLLLo", false, "mfLL|Lo");
    }
}
