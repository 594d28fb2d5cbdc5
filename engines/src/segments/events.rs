//! Reads the events of a tab: each exactly as sent, each once, in the order of numbers.
//!
//! With a window, reading starts at the last keyframe from which every event of the window can be shown.
//! **Bound:** one frame and its dictionaries in memory ([`super::frames::KEPT_BYTES`]); the consumer's pace decides.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use hindsight_schemas::ids::{Seq, Tab};
use hindsight_schemas::record::Layout;

use super::footers::ReadError;
use super::frames::FrameReader;
use super::manifest::{Manifest, Piece, TabManifest};
use super::store::SegmentStore;
use crate::rrweb::{EventHead, split};

/// An event as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentEvent {
    /// Its batch.
    pub seq: Seq,
    /// Its index in the batch.
    pub index: u32,
    /// Its text, byte for byte. It may hold line feeds between tokens if the writer sent them.
    pub text: Bytes,
}

impl SentEvent {
    /// The text as one line: line feeds and carriage returns between tokens become spaces. (JSON has none within
    /// strings, so the value is the same.)
    pub fn line(&self) -> Bytes {
        if memchr::memchr2(b'\n', b'\r', &self.text).is_none() {
            return self.text.clone();
        }
        let spaced = |byte: &u8| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                *byte
            }
        };
        self.text.iter().map(spaced).collect::<Vec<u8>>().into()
    }
}

/// Which part of a tab, by event time, Unix milliseconds, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// From the last keyframe at or before this; all from the start if `None`.
    pub from_ms: Option<i64>,
    /// Events before this; to the end if `None`.
    pub to_ms: Option<i64>,
}

/// The events of a tab; nothing if the manifest has no such tab.
pub fn read_events(
    store: Arc<dyn SegmentStore>,
    manifest: Arc<Manifest>,
    tab: &Tab,
    window: Window,
) -> impl Stream<Item = Result<SentEvent, ReadError>> + Send + use<> {
    let pieces = manifest
        .tab(tab)
        .map(|tab| pieces(tab, window))
        .unwrap_or_default();
    let state = (FrameReader::new(store, manifest), pieces.into_iter());
    stream::try_unfold(state, move |(mut reader, mut pieces)| async move {
        let Some((piece, from_index)) = pieces.next() else {
            return Ok::<_, ReadError>(None);
        };
        let events = piece_events(&mut reader, &piece, from_index, window.to_ms).await?;
        Ok(Some((events, (reader, pieces))))
    })
    .map_ok(|events| stream::iter(events.into_iter().map(Ok)).boxed())
    .try_flatten()
}

/// The pieces to be read, and from which index on.
fn pieces(tab: &TabManifest, window: Window) -> Vec<(Piece, u32)> {
    let (start, index) = window.from_ms.map_or((0, 0), |from_ms| start(tab, from_ms));
    let from = tab.plan.iter().enumerate().skip(start);
    let in_window = from.filter(|(_, piece)| window.to_ms.is_none_or(|to_ms| begins_before(piece, to_ms)));
    in_window
        .map(|(at, piece)| (piece.clone(), if at == start { index } else { 0 }))
        .collect()
}

fn begins_before(piece: &Piece, to_ms: i64) -> bool {
    let has_no_times = piece.run.from_ms > piece.run.to_ms;
    has_no_times || piece.run.from_ms < to_ms
}

/// Where to start: the last keyframe at or before `from_ms` that is not behind the first event of the window. (Where a
/// clock stepped back, a later keyframe may have an earlier time.)
fn start(tab: &TabManifest, from_ms: i64) -> (usize, u32) {
    let first = tab
        .plan
        .iter()
        .position(|piece| piece.run.to_ms >= from_ms)
        .unwrap_or(tab.plan.len());
    let candidates = tab.plan.iter().enumerate().take(first.saturating_add(1)).rev();
    let keyframe = candidates
        .flat_map(|(at, piece)| piece.keyframes.iter().rev().map(move |keyframe| (at, keyframe)))
        .find(|(_, keyframe)| keyframe.at_ms <= from_ms);
    let Some((at, keyframe)) = keyframe else {
        return (0, 0);
    };
    let meta = at
        .checked_sub(1)
        .filter(|_| !keyframe.meta)
        .and_then(|before| tab.plan[before].open_meta);
    meta.map_or((at, keyframe.index), |meta| (at - 1, meta.index))
}

async fn piece_events(
    reader: &mut FrameReader,
    piece: &Piece,
    from_index: u32,
    to_ms: Option<i64>,
) -> Result<Vec<SentEvent>, ReadError> {
    let text = piece_text(reader, piece).await?;
    let before = to_ms.filter(|to_ms| piece.run.to_ms >= *to_ms);
    let events = (piece.run.index..)
        .zip(split(&text, Layout::JsonLines))
        .filter(|(index, event)| *index >= from_index && before.is_none_or(|to_ms| is_before(event, to_ms)))
        .map(|(index, event)| SentEvent {
            seq: piece.run.seq,
            index,
            text: text.slice_ref(event),
        })
        .collect();
    Ok(events)
}

/// The text of a piece: its events, a line feed after each.
pub(super) async fn piece_text(reader: &mut FrameReader, piece: &Piece) -> Result<Bytes, ReadError> {
    let frame = reader.manifest().frames[piece.frame].clone();
    let raw = reader.raw(&frame).await?;
    // A footer whose runs do not add up to its frame was refused when it was read.
    let from = usize::try_from(piece.raw_at).unwrap_or(usize::MAX).min(raw.len());
    let bytes = usize::try_from(piece.run.raw_bytes)
        .unwrap_or(usize::MAX)
        .min(raw.len() - from);
    Ok(raw.slice(from..from + bytes))
}

fn is_before(event: &[u8], to_ms: i64) -> bool {
    EventHead::of(event).is_none_or(|head| head.timestamp_ms < to_ms)
}
