//! Recordings in the forms of others: JSON lines, an array, `{"events": [...]}`, `[windowId, event]` lines, PostHog's
//! exports and live calls, packed events. One decoder for what is imported and for what recorders in the field send.
//!
//! **Invariant:** an event's text is handed out byte for byte as it was written, save where it was packed (then it is
//! what the packed text says, with the packed members in their places) or spread over several lines (then its line
//! breaks are taken out). **Bound:** [`MAX_DEPTH`] wrappers around an event; what packed texts come to is asked for
//! before it is made ([`Room`]).

mod decode;
mod members;
mod packed;
mod window;

pub use decode::{Event, events, tabs};
pub use packed::PackedError;
pub use window::tab_of;

use serde_json::value::RawValue;

/// Wrappers around an event: file, export, snapshots, window, pair.
const MAX_DEPTH: usize = 8;

/// Events of one window, in the order of the text.
#[derive(Debug, Default)]
pub struct Tab {
    /// What the text calls it (a window id), or empty.
    pub window: String,
    /// Its events.
    pub events: Vec<KeptEvent>,
}

/// An event with a text of its own.
#[derive(Debug)]
pub struct KeptEvent {
    /// The rrweb type (0 to 6).
    pub kind: u8,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Its JSON text, on one line.
    pub text: Box<RawValue>,
}

/// Whether so many more bytes may be made. Asked before they are.
pub type Room<'r> = dyn FnMut(usize) -> bool + 'r;

/// Why a text gives no events.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// Not JSON, nor one value after the other.
    #[error("not JSON, nor JSON lines")]
    NotJson(#[source] serde_json::Error),
    /// Wrapped without end.
    #[error("events are wrapped more than {MAX_DEPTH} times")]
    TooDeep,
    /// One of its events is none.
    #[error("event {index}: {fault}")]
    Event {
        /// Its place in the text, from 0.
        index: usize,
        /// What is wrong.
        fault: EventFault,
    },
}

/// What is wrong with one event.
#[derive(Debug, thiserror::Error)]
pub enum EventFault {
    /// Neither an object, nor a list, nor a packed event.
    #[error("{0} is no event")]
    NotAnEvent(String),
    /// An object whose members can't be read.
    #[error("not a JSON object as expected ({0})")]
    NotAnObject(String),
    /// An object that is neither event nor wrapper.
    #[error("neither an rrweb event (no \"type\") nor a list of events")]
    NoType,
    /// No time.
    #[error("no \"timestamp\" in milliseconds")]
    NoTime,
    /// Packed, and it can't be unpacked.
    #[error(transparent)]
    Packed(#[from] PackedError),
}
