//! Every setting with its default. The one place to add a setting: `hindsight config`, the check for unknown
//! keys and the environment follow from it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) project: Project,
    pub(crate) limits: Limits,
    pub(crate) edge: Edge,
    pub(crate) log: Log,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) replay: Replay,
}

/// Where the process listens and keeps its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Everything Hindsight keeps.
    pub(crate) data_dir: PathBuf,
    /// Edge, API and console.
    pub(crate) listen: String,
    /// The read-only ClickHouse door; port 0 takes a free one.
    pub(crate) clickhouse_listen: String,
    /// Health and metrics; empty: on the main listener.
    pub(crate) ops_listen: String,
    /// How long a shutdown may wait for requests and lanes in flight.
    pub(crate) drain_seconds: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            data_dir: "hindsight-data".into(),
            listen: "127.0.0.1:8080".into(),
            clickhouse_listen: "127.0.0.1:0".into(),
            ops_listen: String::new(),
            drain_seconds: 30,
        }
    }
}

/// The one project of an all-in-one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Project {
    /// Its id: 1 to 64 of `a-z0-9_-`.
    pub(crate) id: String,
    /// For audit times without offset, and reports.
    pub(crate) time_zone: String,
    /// Origins from which the browser key may be used; empty: any (for a laptop).
    pub(crate) origins: Vec<String>,
    /// How long data are kept after they were received.
    pub(crate) retention_days: u32,
    /// Names of audit fields that are masked besides the built-in ones.
    pub(crate) masked_fields: Vec<String>,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            id: "demo".into(),
            time_zone: "Asia/Shanghai".into(),
            origins: Vec::new(),
            retention_days: 180,
            masked_fields: Vec::new(),
        }
    }
}

/// Bounds on what is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// An encoded record of the log.
    pub(crate) record_bytes: usize,
    /// A request's body after inflating.
    pub(crate) inflated_bytes: usize,
    /// Bodies being handled at the same time, inflated.
    pub(crate) admission_bytes: usize,
    /// How far a session id's own time may lie in the past.
    pub(crate) session_age_hours: u64,
    /// Audit events in one call.
    pub(crate) audit_events: usize,
    /// A body that takes longer is given up.
    pub(crate) body_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: 8 << 20,
            inflated_bytes: 64 << 20,
            admission_bytes: 128 << 20,
            session_age_hours: 7 * 24,
            audit_events: 1_000,
            body_seconds: 30,
        }
    }
}

/// The HTTP edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Edge {
    /// Networks (CIDR) whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<String>,
    /// Token bucket of the project: events a second.
    pub(crate) events_per_second: u64,
    /// Token bucket of the project: inflated bytes a second.
    pub(crate) bytes_per_second: u64,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            events_per_second: 500_000,
            bytes_per_second: 512 << 20,
        }
    }
}

/// The embedded event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// Partitions of each data topic: chosen once, at the first start.
    pub(crate) partitions: u32,
    /// Records older than this may go, once every materializer has passed them.
    pub(crate) retention_hours: u64,
    /// Disk bound: above it, records that were passed may go; if that is not enough the edge answers 503.
    pub(crate) retention_bytes: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            partitions: 8,
            retention_hours: 72,
            retention_bytes: 20 << 30,
        }
    }
}

/// The embedded ClickHouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClickHouse {
    /// Its library; empty: in the cache (`make libchdb`).
    pub(crate) libchdb: PathBuf,
    /// Memory of the child process.
    pub(crate) memory_bytes: u64,
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            libchdb: PathBuf::new(),
            memory_bytes: 2 << 30,
        }
    }
}

/// Replay segments and the closing of sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Replay {
    /// A session is closed this long after its last batch, or at its end event.
    pub(crate) close_after_seconds: u64,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            close_after_seconds: 150,
        }
    }
}
