//! Where a member reads: one cursor for each partition that it owns.
//!
//! **Invariant:** a partition is fetched only after its first seek, so nothing is read from a place that nobody chose,
//! and librdkafka never looks up an offset by itself.

use std::collections::BTreeMap;

use hindsight_schemas::ids::{Offset, Partition};

/// A partition that is ours.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// The next offset to read; `None` before the first seek and after a position that is not in the log.
    pub(super) next: Option<Offset>,
    /// librdkafka fetches it.
    pub(super) fetched: bool,
    /// Paused by its owner.
    pub(super) paused: bool,
    /// Told that it is going: nothing is read any more.
    pub(super) revoked: bool,
}

impl Cursor {
    /// Whether this record is the next, or behind a hole; then it is passed. Records of before a seek, a pause or another
    /// assignment don't come here: librdkafka drops what its partition's version has passed.
    pub(super) fn takes(&mut self, offset: Offset) -> bool {
        let wanted = self.reads_at(offset) && !self.paused;
        if wanted {
            self.next = Some(offset + 1);
        }
        wanted
    }

    /// Whether the reader may stand here.
    pub(super) fn reads_at(&self, offset: Offset) -> bool {
        !self.revoked && self.next.is_some_and(|next| offset >= next)
    }
}

/// All cursors of a member.
pub(super) type Cursors = BTreeMap<Partition, Cursor>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_each_record_once_and_passes_holes() {
        let mut cursor = Cursor {
            next: Some(5),
            ..Cursor::default()
        };
        assert!(!cursor.takes(4));
        assert!(cursor.takes(5));
        assert!(!cursor.takes(5));
        assert!(cursor.takes(9));
        assert_eq!(cursor.next, Some(10));
    }

    #[test]
    fn takes_nothing_before_a_seek_while_paused_or_when_going() {
        assert!(!Cursor::default().takes(0));
        for (paused, revoked) in [(true, false), (false, true)] {
            let mut cursor = Cursor {
                next: Some(0),
                paused,
                revoked,
                ..Cursor::default()
            };
            assert!(!cursor.takes(0));
            assert_eq!(cursor.next, Some(0));
        }
    }
}
