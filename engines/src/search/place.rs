//! A position as engines store it beside a document: `log/topic/partition/offset`.

use hindsight_schemas::ids::{LogId, Partition, Position};

use super::SearchError;

/// The text of a position.
pub(super) fn text(position: Position) -> String {
    let Position {
        log_id,
        partition,
        offset,
    } = position;
    format!("{log_id}/{partition}/{offset}")
}

/// The position of a text that an engine stored.
pub(super) fn parse(text: &str) -> Result<Position, SearchError> {
    read(text)
        .ok_or_else(|| SearchError::Engine(format!("stored document is damaged: {text:?} is no position")))
}

fn read(text: &str) -> Option<Position> {
    let mut parts = text.split('/');
    Some(Position {
        log_id: LogId(parts.next()?.parse().ok()?),
        partition: Partition {
            topic: parts.next()?.parse().ok()?,
            partition: parts.next()?.parse().ok()?,
        },
        offset: parts.next()?.parse().ok()?,
    })
}
