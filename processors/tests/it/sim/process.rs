//! A process of the model: what the runtime's polling thread does, with time and chance from the world.
//!
//! A frozen process does nothing at all until it thaws, and then goes on as if no time had passed.

use std::collections::BTreeMap;

use hindsight_engines::log::{Commit, StoredRecord};
use hindsight_processors::delivery::lane::{Input, Lane};

use super::sinks::Batch;

pub(super) struct Slot {
    pub(super) lane: Lane<Batch>,
    pub(super) epoch: u64,
    /// Where the reader stands, once it was sought.
    pub(super) reader: Option<u64>,
    pub(super) end_told: bool,
}

impl Slot {
    pub(super) fn new(lane: Lane<Batch>, epoch: u64) -> Self {
        Self {
            lane,
            epoch,
            reader: None,
            end_told: false,
        }
    }
}

pub(super) struct Process {
    pub(super) member: u64,
    pub(super) lanes: BTreeMap<u32, Slot>,
    pub(super) frozen_until: u64,
    /// Freeze for so long right after the next commit was kept, before its answer is seen.
    pub(super) freeze_after_commit: Option<u64>,
    /// Partitions that are given away, and until when writes in flight are waited for.
    pub(super) leaving: Vec<u32>,
    pub(super) leave_deadline: u64,
    pub(super) ending: bool,
    /// Which turn comes next; others that were scheduled are void.
    pub(super) turn: u64,
}

impl Process {
    pub(super) fn new(member: u64) -> Self {
        Self {
            member,
            lanes: BTreeMap::new(),
            frozen_until: 0,
            freeze_after_commit: None,
            leaving: Vec::new(),
            leave_deadline: 0,
            ending: false,
            turn: 0,
        }
    }

    pub(super) fn wanted_commits(&mut self, now: u64) -> Vec<Commit> {
        let now = super::moment(now);
        let wanted = |(number, slot): (&u32, &mut Slot)| {
            let committed = slot.lane.wanted_commit(now)?.to_committed();
            Some(Commit {
                partition: super::log::partition(*number),
                committed,
            })
        };
        self.lanes.iter_mut().filter_map(wanted).collect()
    }

    pub(super) fn is_quiet(&self, now: u64) -> bool {
        let now = super::moment(now);
        let quiet = |number: &u32| self.lanes.get(number).is_none_or(|slot| slot.lane.is_quiet(now));
        self.leaving.iter().all(quiet)
    }

    pub(super) fn has_work(&self) -> bool {
        !self.leaving.is_empty() || self.lanes.values().any(|slot| slot.lane.has_work())
    }
}

/// What one poll brings of a partition.
pub(super) fn read(slot: &mut Slot, log: &super::log::PartitionLog, most: usize) -> Vec<Input<Batch>> {
    let Some(reader) = slot.reader.filter(|_| !slot.lane.is_full()) else {
        return Vec::new();
    };
    let available = (log.start, log.end);
    if reader < log.start || reader > log.end {
        slot.reader = None;
        return vec![Input::OutOfRange {
            asked: reader,
            available,
        }];
    }
    let records: Vec<StoredRecord> = log
        .records
        .range(reader..)
        .take(most)
        .map(|(_, each)| each.clone())
        .collect();
    if let Some(last) = records.last() {
        slot.reader = Some(last.position.offset + 1);
        slot.end_told = false;
    } else if !slot.end_told {
        slot.reader = Some(log.end);
        slot.end_told = true;
        return vec![Input::EndOfPartition(log.end)];
    }
    records.into_iter().map(Input::Record).collect()
}
