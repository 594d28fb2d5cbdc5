//! Foreign recordings: files unpacked, events found, checked, cut into batches, and named. Pure code over bytes,
//! save for [`unpack`], which reads files.
//!
//! **Invariant:** the same file gives the same session id and the same batches, so an import can be repeated. How
//! events are found, and what their texts are, is [`hindsight_engines::rrweb::foreign`]'s.

pub(crate) mod cut;
pub(crate) mod identity;
pub(crate) mod playable;
pub(crate) mod unpack;

use hindsight_engines::rrweb::foreign::{self, ForeignError};
pub(crate) use hindsight_engines::rrweb::foreign::{KeptEvent, Tab};

/// rrweb's `EventType.FullSnapshot`.
pub(crate) const FULL_SNAPSHOT: u8 = 2;
/// rrweb's `EventType.IncrementalSnapshot`.
pub(crate) const INCREMENTAL: u8 = 3;
/// rrweb's `EventType.Meta`.
pub(crate) const META: u8 = 4;

/// The tabs of a text, in the order of their first event.
pub(crate) fn tabs(text: &[u8]) -> Result<Vec<Tab>, ForeignError> {
    let mut left = unpack::MAX_TEXT_BYTES;
    foreign::tabs(text, &mut |bytes| {
        let room = left.checked_sub(bytes as u64);
        left = room.unwrap_or(0);
        room.is_some()
    })
}
