//! Validates a body of rrweb events without making trees, at the speed of memory rather than of an allocator.
//!
//! **Invariant:** accepts exactly what is UTF-8 and JSON (RFC 8259) in one array or one value a line, nested at most
//! [`MAX_DEPTH`] levels, each value an object with a numeric `type` (0 to 7) and `timestamp`, in any key order; hands
//! out each event's exact text. No recursion, no allocation per event: time and stack are bounded by the body's
//! length and the depth limit. The first fault ends the scan and says where it lies.

mod body;
mod chunk;
mod cursor;
mod event;
mod number;
mod string;

pub use body::{Elements, elements};
pub use event::Event;

use hindsight_schemas::canonical::ContentHasher;
use hindsight_schemas::record::Layout;

/// Deepest nesting of arrays and objects within one event. A page of 500 nested elements stays below it, because a
/// snapshot takes two levels for each.
pub const MAX_DEPTH: usize = 1_024;

/// Tag of the custom event by which an application ends a session.
const END_TAG: &[u8] = b"hindsight.end";

/// What is wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON.
    NotJson,
    /// Deeper than the limit.
    NestedTooDeep,
    /// JSON, but not a list of objects.
    NotAnObject,
    /// `type` is missing or not a number from 0 to 7.
    NoType,
    /// `timestamp` is missing or not a number.
    NoTimestamp,
    /// Nothing in it.
    NoEvents,
}

/// A fault and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault:?} at byte {at}, event {event}")]
pub struct ScanError {
    /// What is wrong.
    pub fault: Fault,
    /// Byte in the inflated body.
    pub at: usize,
    /// Index of the event.
    pub event: usize,
}

/// What an accepted body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Array or lines.
    pub layout: Layout,
    /// Number of events, at least 1.
    pub events: usize,
    /// Least event time, Unix milliseconds.
    pub first_at_ms: i64,
    /// Greatest event time.
    pub last_at_ms: i64,
    /// Holds a FullSnapshot.
    pub keyframe: bool,
    /// Holds `hindsight.end`.
    pub ended: bool,
    /// Over each event's text as sent plus a line feed.
    pub content_sha256: [u8; 32],
}

/// Validates a body of rrweb events and says what it holds.
pub fn scan(body: &[u8]) -> Result<Summary, ScanError> {
    let mut hasher = ContentHasher::default();
    let mut summary = Summary {
        layout: Layout::JsonArray,
        events: 0,
        first_at_ms: i64::MAX,
        last_at_ms: i64::MIN,
        keyframe: false,
        ended: false,
        content_sha256: [0; 32],
    };
    summary.layout = events(body, |event| {
        hasher.text(event.text);
        summary.events += 1;
        summary.first_at_ms = summary.first_at_ms.min(event.timestamp_ms);
        summary.last_at_ms = summary.last_at_ms.max(event.timestamp_ms);
        summary.keyframe |= event.is_full_snapshot();
        summary.ended |= event.is_custom() && event.tag == Some(END_TAG);
    })?;
    summary.content_sha256 = hasher.finish();
    Ok(summary)
}

/// Validates a body of rrweb events and hands each to `visit`, in order. What was visited before a fault must be
/// thrown away: the body is refused as a whole.
pub fn events<'a>(body: &'a [u8], mut visit: impl FnMut(&Event<'a>)) -> Result<Layout, ScanError> {
    let mut elements = elements(body, MAX_DEPTH)?;
    while let Some(event) = elements.next_event()? {
        visit(&event);
    }
    if elements.count() == 0 {
        Err(elements.error(Fault::NoEvents))
    } else {
        Ok(elements.layout())
    }
}

#[cfg(test)]
mod tests;
