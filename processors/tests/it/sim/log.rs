//! Model of the log: one topic with holes, retention and a consumer group with fencing, rebalances, and commits
//! whose answers get lost. All that the real ones may do, at any moment, and nothing that they may not.

use std::collections::BTreeMap;

use bytes::Bytes;
use hindsight_engines::log::{Commit, Committed, ConsumerError, StoredRecord};
use hindsight_schemas::ids::{LogId, Partition, Position, Topic};
use uuid::Uuid;

pub(super) const PARTITIONS: u32 = 2;
pub(super) const SESSION_TIMEOUT: u64 = 6_000;
pub(super) const LOG_ID: LogId = LogId(Uuid::from_u128(1));

pub(super) fn partition(number: u32) -> Partition {
    Partition {
        topic: Topic::Recordings,
        partition: number,
    }
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Batch { identity: u32, session: u32 },
    Poison,
    Erasure { session: u32 },
}

impl Content {
    fn encode(self) -> Bytes {
        let (kind, first, second) = match self {
            Content::Batch { identity, session } => (b'b', identity, session),
            Content::Poison => (b'p', 0, 0),
            Content::Erasure { session } => (b'e', session, 0),
        };
        let mut bytes = vec![kind];
        bytes.extend(first.to_le_bytes());
        bytes.extend(second.to_le_bytes());
        bytes.into()
    }

    pub(super) fn decode(record: &StoredRecord) -> Self {
        let bytes = record.value.as_ref().expect("the model writes values");
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        match bytes[0] {
            b'b' => Content::Batch {
                identity: number(1),
                session: number(5),
            },
            b'e' => Content::Erasure { session: number(1) },
            _ => Content::Poison,
        }
    }
}

#[derive(Default)]
pub(super) struct PartitionLog {
    pub(super) records: BTreeMap<u64, StoredRecord>,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What the group tells a member at a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Assigned(u32),
    Revoked(u32),
}

#[derive(Default)]
struct Owned {
    owner: Option<u64>,
    assign_told: bool,
    revoke_told: bool,
}

#[derive(Default)]
pub(super) struct ModelLog {
    pub(super) partitions: Vec<PartitionLog>,
    pub(super) commits: BTreeMap<u32, Committed>,
    owned: Vec<Owned>,
    members: BTreeMap<u64, u64>,
    next_member: u64,
}

impl ModelLog {
    pub(super) fn new() -> Self {
        let partitions = (0..PARTITIONS).map(|_| PartitionLog::default()).collect();
        let owned = (0..PARTITIONS).map(|_| Owned::default()).collect();
        Self {
            partitions,
            owned,
            ..Self::default()
        }
    }

    /// Appends after so many holes.
    pub(super) fn append(&mut self, now: u64, number: u32, content: Content, holes: u64) -> u64 {
        let log = &mut self.partitions[number as usize];
        let offset = log.end + holes;
        let position = Position {
            log_id: LOG_ID,
            partition: partition(number),
            offset,
        };
        let record = StoredRecord {
            position,
            appended_at_ms: now as i64,
            key: Bytes::new(),
            value: Some(content.encode()),
            headers: Vec::new(),
        };
        log.records.insert(offset, record);
        log.end = offset + 1;
        offset
    }

    pub(super) fn retain_from(&mut self, number: u32, start: u64) {
        let log = &mut self.partitions[number as usize];
        log.start = log.start.max(start);
        log.records = log.records.split_off(&log.start);
    }

    pub(super) fn truncate(&mut self, number: u32, end: u64) -> Vec<StoredRecord> {
        let log = &mut self.partitions[number as usize];
        log.end = end;
        log.records.split_off(&end).into_values().collect()
    }

    pub(super) fn join(&mut self, now: u64) -> u64 {
        self.next_member += 1;
        self.members.insert(self.next_member, now);
        self.next_member
    }

    pub(super) fn leave(&mut self, member: u64) {
        self.members.remove(&member);
        for owned in self.owned.iter_mut().filter(|owned| owned.owner == Some(member)) {
            *owned = Owned::default();
        }
    }

    /// Whether the partition is this member's.
    pub(super) fn is_owned_by(&self, number: u32, member: u64) -> bool {
        self.owned[number as usize].owner == Some(member)
    }

    /// Members that stayed away are out; free partitions go to whoever has fewest, one too many is taken back.
    pub(super) fn poll(&mut self, now: u64, member: u64) -> Result<Vec<Told>, ConsumerError> {
        self.evict(now);
        let seen = self.members.get_mut(&member).ok_or_else(fenced)?;
        *seen = now;
        for owned in self
            .owned
            .iter_mut()
            .filter(|each| each.owner == Some(member) && each.revoke_told)
        {
            *owned = Owned::default();
        }
        self.balance();
        let mut told = Vec::new();
        for (number, owned) in (0u32..).zip(&mut self.owned) {
            let target = wanted_owner(&self.members, number);
            if owned.owner == Some(member) && !owned.assign_told {
                owned.assign_told = true;
                told.push(Told::Assigned(number));
            } else if owned.owner == Some(member) && target != Some(member) {
                owned.revoke_told = true;
                told.push(Told::Revoked(number));
            }
        }
        Ok(told)
    }

    pub(super) fn commit(&mut self, now: u64, member: u64, commits: &[Commit]) -> Result<(), ConsumerError> {
        self.evict(now);
        for commit in commits {
            let number = commit.partition.partition;
            if self.owned[number as usize].owner != Some(member) {
                return Err(fenced());
            }
        }
        for commit in commits {
            self.commits
                .insert(commit.partition.partition, commit.committed.clone());
        }
        Ok(())
    }

    pub(super) fn evict_all(&mut self) {
        self.members.clear();
        self.evict(0);
    }

    fn evict(&mut self, now: u64) {
        self.members.retain(|_, seen| now < *seen + SESSION_TIMEOUT);
        for owned in &mut self.owned {
            if owned
                .owner
                .is_some_and(|owner| !self.members.contains_key(&owner))
            {
                *owned = Owned::default();
            }
        }
    }

    fn balance(&mut self) {
        for (number, owned) in (0u32..).zip(&mut self.owned) {
            if owned.owner.is_none() {
                owned.owner = wanted_owner(&self.members, number);
            }
        }
    }
}

fn wanted_owner(members: &BTreeMap<u64, u64>, number: u32) -> Option<u64> {
    let nth = number as usize % members.len().max(1);
    members.keys().rev().nth(nth).copied()
}

fn fenced() -> ConsumerError {
    ConsumerError::Fenced("unknown member".into())
}
