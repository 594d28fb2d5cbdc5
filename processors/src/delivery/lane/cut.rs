//! The records that wait to be cut into a range.
//!
//! **Invariant:** offsets rise; a cut takes a prefix. Bound: one cut's bytes plus what one poll brings, because
//! the lane asks for a pause from there on ([`super::Lane::full`]).

use std::collections::VecDeque;

use hindsight_engines::log::StoredRecord;
use hindsight_schemas::ids::Offset;

use crate::delivery::clock::Moment;
use crate::delivery::materializer::CutLimits;

/// Records in order, each with the time of its arrival.
#[derive(Debug, Default)]
pub(super) struct Queue {
    records: VecDeque<(Moment, StoredRecord)>,
    bytes: usize,
}

/// A prefix that was taken.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) records: Vec<StoredRecord>,
    pub(super) bytes: usize,
    pub(super) arrived: Option<Moment>,
}

impl Queue {
    pub(super) fn push(&mut self, now: Moment, record: StoredRecord) {
        let last = self.records.back().map(|(_, last)| last.position.offset);
        debug_assert!(last < Some(record.position.offset), "offsets rise");
        self.bytes += weight(&record);
        self.records.push_back((now, record));
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// When the oldest record came.
    pub(super) fn oldest(&self) -> Option<Moment> {
        self.records.front().map(|(arrived, _)| *arrived)
    }

    /// Whether a whole cut waits.
    pub(super) fn is_full(&self, limits: &CutLimits) -> bool {
        self.bytes >= limits.bytes || self.records.len() >= limits.records
    }

    /// Whether a limit is reached.
    pub(super) fn is_due(&self, now: Moment, limits: &CutLimits) -> bool {
        self.is_full(limits)
            || self.records.len() >= limits.enough
            || self
                .oldest()
                .is_some_and(|arrived| now.saturating_sub(arrived) >= limits.age)
    }

    /// Takes as many as the limits allow, one at least.
    pub(super) fn take(&mut self, limits: &CutLimits) -> Cut {
        let (mut count, mut bytes) = (0, 0);
        for (_, record) in &self.records {
            let with_this = bytes + weight(record);
            if count > 0 && (count >= limits.records || with_this > limits.bytes) {
                break;
            }
            (count, bytes) = (count + 1, with_this);
        }
        self.split(count)
    }

    /// Takes all up to and with this offset.
    pub(super) fn take_through(&mut self, last: Offset) -> Cut {
        self.split(
            self.records
                .partition_point(|(_, record)| record.position.offset <= last),
        )
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn split(&mut self, count: usize) -> Cut {
        let arrived = self.oldest();
        let records: Vec<_> = self.records.drain(..count).map(|(_, record)| record).collect();
        let bytes = records.iter().map(weight).sum();
        self.bytes -= bytes;
        Cut {
            records,
            bytes,
            arrived,
        }
    }
}

/// What a record weighs in memory: its bytes and an allowance for the structures around them.
fn weight(record: &StoredRecord) -> usize {
    const STRUCTURES: usize = 200;
    let value = record.value.as_ref().map_or(0, bytes::Bytes::len);
    let headers: usize = record
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    record.key.len() + value + headers + STRUCTURES
}
