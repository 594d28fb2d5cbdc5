//! Foreign recordings: files unpacked, events found, checked, cut into batches, and named. Pure code over bytes,
//! save for [`unpack`], which reads files.
//!
//! **Invariant:** the same file gives the same session id and the same batches, so an import can be repeated.
//! An event's text is kept byte for byte, save where it was packed (then it is what the packed text says) or
//! spread over several lines (then its line breaks are taken out).

pub(crate) mod cut;
pub(crate) mod decode;
pub(crate) mod identity;
mod packed;
pub(crate) mod playable;
pub(crate) mod unpack;

use serde_json::value::RawValue;

/// Events of one document load, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Tab {
    /// What the file calls it (a window id), or empty.
    pub(crate) window: String,
    /// Its events.
    pub(crate) events: Vec<Event>,
}

/// One recorder event.
#[derive(Debug)]
pub(crate) struct Event {
    /// The rrweb type (0 to 6).
    pub(crate) kind: u8,
    /// Unix milliseconds.
    pub(crate) at_ms: i64,
    /// Its JSON text, on one line.
    pub(crate) text: Box<RawValue>,
}

/// rrweb's `EventType.FullSnapshot`.
pub(crate) const FULL_SNAPSHOT: u8 = 2;
/// rrweb's `EventType.IncrementalSnapshot`.
pub(crate) const INCREMENTAL: u8 = 3;
/// rrweb's `EventType.Meta`.
pub(crate) const META: u8 = 4;
