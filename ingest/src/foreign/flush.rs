//! One flush of a foreign recorder: its events one a line, checked as any body is, packed for the log.
//!
//! The log keeps a flush packed by zstd, not as it came: what came is an envelope of several, often with packed members
//! inside, which no reader of the log should have to know (`docs/adr/0017`).

use std::cell::RefCell;

use hindsight_engines::rrweb::foreign::{EventFault, ForeignError, PackedError, events};
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;

use super::workspace::Workspace;
use crate::recordings::refuse_scan;
use crate::scan::{Summary, scan};

/// As `import` packs: within a tenth of the next levels.
const ZSTD_LEVEL: i32 = 3;

/// A flush that was checked.
#[derive(Debug)]
pub(super) struct Flush {
    pub(super) summary: Summary,
    pub(super) raw_bytes: usize,
    /// The lines, packed by zstd.
    pub(super) packed: Vec<u8>,
}

/// The flush in a text of events.
pub(super) fn flush(text: &[u8], workspace: &mut Workspace<'_>) -> Result<Flush, Refusal> {
    let lines = lines(text, workspace)?;
    let summary = scan(&lines).map_err(refuse_scan)?;
    let packed = zstd::bulk::compress(&lines, ZSTD_LEVEL).map_err(|error| {
        tracing::error!(%error, "could not pack a flush");
        Refusal::plain(Reason::Internal)
    })?;
    Ok(Flush {
        summary,
        raw_bytes: lines.len(),
        packed,
    })
}

fn lines(text: &[u8], workspace: &mut Workspace<'_>) -> Result<Vec<u8>, Refusal> {
    let mut lines = Vec::new();
    // Asked by the decoder for what it unpacks, and here for the lines, which are packed once more in less.
    let workspace = RefCell::new(workspace);
    let found = events(
        text,
        &mut |bytes| workspace.borrow_mut().room(bytes),
        &mut |event| {
            if workspace.borrow_mut().room(event.text.len() + 1) {
                lines.extend_from_slice(event.text.as_bytes());
                lines.push(b'\n');
            }
        },
    );
    // Without room the decoder, or nobody, says so: what was left out must not pass for the whole.
    if let Some(refusal) = workspace.into_inner().refusal() {
        return Err(refusal);
    }
    found.map_err(|error| refuse(&error))?;
    Ok(lines)
}

/// The refusal for a text that gives no events.
fn refuse(error: &ForeignError) -> Refusal {
    let reason = match error {
        ForeignError::NotUtf8(_) => Reason::NotUtf8,
        ForeignError::NotJson(_) => Reason::NotJson,
        ForeignError::TooDeep => Reason::NestedTooDeep,
        ForeignError::Event { fault, .. } => match fault {
            EventFault::NoTime => Reason::EventWithoutTime,
            EventFault::Packed(PackedError::NoRoom) => Reason::TooLarge,
            EventFault::Packed(_) => Reason::BadEncoding,
            EventFault::NotAnEvent(_) | EventFault::NotAnObject(_) | EventFault::NoType => Reason::NotRrweb,
        },
    };
    Refusal::new(
        reason,
        error.to_string(),
        format!("{}（{error}）", reason.title_zh()),
    )
}
