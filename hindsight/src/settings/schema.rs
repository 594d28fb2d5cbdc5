//! Every setting with its default. The one place to add a setting: `hindsight config`, the check for unknown
//! keys and the environment follow from it.

use std::path::PathBuf;

use hindsight_ingest::{Intake, Limits, Rate};
use hindsight_policy::Project;
use serde::{Deserialize, Serialize};

use super::engines::{ClickHouse, Log, Search, Segments};

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) server: Server,
    /// The one project.
    #[serde(default = "default_project")]
    pub(crate) project: Project,
    /// Bounds that senders see.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// What one project may send.
    #[serde(default)]
    pub(crate) rate: Rate,
    /// How requests are taken in.
    #[serde(default)]
    pub(crate) edge: Intake,
    #[serde(default)]
    pub(crate) log: Log,
    #[serde(default)]
    pub(crate) clickhouse: ClickHouse,
    #[serde(default)]
    pub(crate) search: Search,
    #[serde(default)]
    pub(crate) segments: Segments,
    #[serde(default)]
    pub(crate) replay: Replay,
    #[serde(default)]
    pub(crate) lifecycle: Lifecycle,
    #[serde(default)]
    pub(crate) scrub: Scrub,
    #[serde(default)]
    pub(crate) traces: Traces,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: Server::default(),
            project: default_project(),
            limits: Limits::default(),
            rate: Rate::default(),
            edge: Intake::default(),
            log: Log::default(),
            clickhouse: ClickHouse::default(),
            search: Search::default(),
            segments: Segments::default(),
            replay: Replay::default(),
            lifecycle: Lifecycle::default(),
            scrub: Scrub::default(),
            traces: Traces::default(),
        }
    }
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
    /// Keys of the project and the administrator's token; empty: `credentials.json` in the data folder, where `up`
    /// makes it. All roles share one file.
    pub(crate) credentials_file: PathBuf,
    /// How long a start may wait for engines that don't answer yet.
    pub(crate) start_wait_seconds: u64,
    /// How long a shutdown may wait for requests and lanes in flight.
    pub(crate) drain_seconds: u64,
    /// The demo shop at `/demo/`.
    pub(crate) demo: Demo,
}

/// Whether the demo shop is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Demo {
    /// Where the process is for trying out: it listens to this machine alone, for the project that nobody named.
    #[default]
    Auto,
    On,
    Off,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            data_dir: "hindsight-data".into(),
            listen: "127.0.0.1:8080".into(),
            clickhouse_listen: "127.0.0.1:0".into(),
            ops_listen: String::new(),
            credentials_file: PathBuf::new(),
            start_wait_seconds: 60,
            drain_seconds: 30,
            demo: Demo::default(),
        }
    }
}

/// The id of the one project, where none is set.
pub(crate) const DEFAULT_PROJECT: &str = "demo";

fn default_project() -> Project {
    Project::new(DEFAULT_PROJECT.parse().expect("it is made of letters"))
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

/// Removal of what is superseded, compacted, expired or erased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Lifecycle {
    /// How long an object stays after it may go: longer than anybody reads one replay.
    pub(crate) grace_seconds: u64,
    /// Between two rounds over everything.
    pub(crate) interval_seconds: u64,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            grace_seconds: 24 * 3600,
            interval_seconds: 3600,
        }
    }
}

/// Samples of the log that are looked for in every view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Scrub {
    /// Between two samples of one process; 0: none are taken.
    pub(crate) interval_seconds: u64,
    /// Recordings, and audit events, of one sample: 1 to 1000.
    pub(crate) records: u64,
}

impl Default for Scrub {
    fn default() -> Self {
        Self {
            interval_seconds: 60,
            records: 32,
        }
    }
}

/// Spans of requests, appends and writes, for a collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Traces {
    /// Where OTLP goes by HTTP, whole: `http://127.0.0.1:4318/v1/traces`; empty: no spans are made.
    pub(crate) endpoint: String,
    /// Of traces that begin here, the share that is kept, from 0 to 1. One that a sender samples is kept always.
    pub(crate) sample: f64,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            sample: 0.01,
        }
    }
}
