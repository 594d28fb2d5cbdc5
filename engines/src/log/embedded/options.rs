//! What can be set about the embedded log: each bound with a name, a unit and its default.

use std::sync::Arc;
use std::time::Duration;

use hindsight_schemas::ids::Topic;

use super::clock::{Clock, SystemClock};
use super::faults::DiskFaults;

const MIB: u64 = 1024 * 1024;

/// A group that must have passed a record before retention may remove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredGroup {
    /// Its name.
    pub name: String,
    /// The topics that it reads.
    pub topics: Vec<Topic>,
}

/// Options of the embedded log.
#[derive(Clone)]
pub struct Options {
    /// Partitions of each data topic, chosen once for a folder (8). Dead letters always have one.
    pub partitions: u32,
    /// Longest value of a record, to the byte (8 MiB).
    pub record_bytes: usize,
    /// Most bytes of key and headers of a record (64 KiB; dead letters twice as much).
    pub framing_bytes: usize,
    /// Bytes that may wait for the writer before appends wait themselves (32 MiB).
    pub queue_bytes: usize,
    /// Most bytes in one commit; a longer request is a commit of its own (16 MiB).
    pub batch_bytes: usize,
    /// Most requests in one commit (4096).
    pub batch_requests: usize,
    /// Longest wait of an append for its answer (10 s).
    pub append_timeout: Duration,
    /// Page cache of the store (32 MiB).
    pub cache_bytes: usize,
    /// Disk bound: above it appends are refused as full (20 GiB). Dead letters may go 1/16 above it, so that a
    /// full log can be worked off.
    pub max_bytes: u64,
    /// Space that appends leave free in the file system, so that commits of offsets still fit (64 MiB).
    pub min_free_bytes: u64,
    /// Age at which records may go (72 h).
    pub retention_age: Duration,
    /// Bytes above which the oldest records may go, however young (16 GiB).
    pub retention_bytes: u64,
    /// How often retention looks (60 s).
    pub retention_interval: Duration,
    /// Who must have passed a record before it may go (none).
    pub registered_groups: Vec<RegisteredGroup>,
    /// How long a member may stay away from `poll` (30 s).
    pub session_timeout: Duration,
    /// Most items of one poll (1024).
    pub poll_items: usize,
    /// Most bytes of one poll; one record always fits (8 MiB).
    pub poll_bytes: usize,
    /// How long a failed disk is left alone before it is tried again (1 s).
    pub retry_interval: Duration,
    /// Length of the file above which each commit saves the allocator's state too (1 GiB): recovery after a crash is
    /// instant, and a commit syncs twice. Below it recovery walks the file, about a second for a GiB, and a
    /// commit syncs once.
    pub quick_repair_above_bytes: u64,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Faults to inject (tests).
    pub faults: Option<Arc<dyn DiskFaults>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            partitions: 8,
            record_bytes: 8 * MIB as usize,
            framing_bytes: 64 * 1024,
            queue_bytes: 32 * MIB as usize,
            batch_bytes: 16 * MIB as usize,
            batch_requests: 4096,
            append_timeout: Duration::from_secs(10),
            cache_bytes: 32 * MIB as usize,
            max_bytes: 20 * 1024 * MIB,
            min_free_bytes: 64 * MIB,
            retention_age: Duration::from_secs(72 * 3600),
            retention_bytes: 16 * 1024 * MIB,
            retention_interval: Duration::from_secs(60),
            registered_groups: Vec::new(),
            session_timeout: Duration::from_secs(30),
            poll_items: 1024,
            poll_bytes: 8 * MIB as usize,
            retry_interval: Duration::from_secs(1),
            quick_repair_above_bytes: 1024 * MIB,
            clock: Arc::new(SystemClock),
            faults: None,
        }
    }
}

impl Options {
    /// How many partitions a topic has.
    pub(super) fn partitions_of(&self, topic: Topic) -> u32 {
        match topic {
            Topic::DeadLetters => 1,
            _ => self.partitions,
        }
    }

    /// Most bytes of key and headers of a record of this topic: dead letters carry their origin too.
    pub(super) fn framing_bytes_of(&self, topic: Topic) -> usize {
        match topic {
            Topic::DeadLetters => 2 * self.framing_bytes,
            _ => self.framing_bytes,
        }
    }

    /// The disk bound for records of this topic.
    pub(super) fn max_bytes_of(&self, topic: Topic) -> u64 {
        match topic {
            Topic::DeadLetters => self.max_bytes.saturating_add(self.max_bytes / 16),
            _ => self.max_bytes,
        }
    }
}
