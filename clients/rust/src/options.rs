//! Settings of a client. Every bound has a name and a default.

use std::path::PathBuf;
use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// Most events that the edge takes in one call.
pub(crate) const MOST_BATCH_EVENTS: usize = 1_000;

/// Settings of a client: [`Options::to`] makes defaults, the fields are changed one by one.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the edge is, without a path: `https://audit.example.com`.
    pub url: String,
    /// The server key.
    pub key: String,
    /// A batch is sent when it has this many events. Default 100, at most 1,000.
    pub batch_events: usize,
    /// A batch is sent when it has this many bytes. Default 1 MiB.
    pub batch_bytes: usize,
    /// A batch is sent when its oldest event waited so long. Default 5 s.
    pub batch_wait: Duration,
    /// Most bytes of events that wait in memory; what doesn't fit is dropped and counted. Default 32 MiB.
    pub memory_bytes: usize,
    /// Largest event; above it the largest states are left out, and the event says so. Default 256 KiB.
    pub event_bytes: usize,
    /// Deepest nesting of a state. Default 32.
    pub state_depth: usize,
    /// Most batches on their way at once. Default 4.
    pub in_flight: usize,
    /// How long an answer may take. Default 30 s.
    pub request_wait: Duration,
    /// Where events are kept while the edge is away; none: nowhere. Default `hindsight-spill`.
    pub spill_folder: Option<PathBuf>,
    /// Most bytes kept there. Default 256 MiB.
    pub spill_bytes: u64,
    /// How long closing tries to send before the rest is kept on disk. Default 10 s.
    pub close_wait: Duration,
    /// Whether an operation is refused when its event can't be kept. Default false.
    pub strict: bool,
    /// Further field names whose values are masked. Default none.
    pub mask_names: Vec<String>,
    /// Field names that are never masked, in full. Default none.
    pub mask_except: Vec<String>,
    /// Whether telephone numbers are masked, too. Default false.
    pub mask_phones: bool,
}

/// Why settings can't work.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Not an address.
    #[error("url {0:?} is not an http or https address")]
    Url(String),
    /// Not a key.
    #[error("key is empty or has characters that no key has")]
    Key,
    /// A number out of bounds.
    #[error("{name} is {value} but must lie within {least} and {most}")]
    OutOfBounds {
        /// The setting.
        name: &'static str,
        /// What it is.
        value: u128,
        /// The least it may be.
        least: u128,
        /// The most it may be.
        most: u128,
    },
    /// The sending thread can't be started.
    #[error("the sending thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl Options {
    /// Defaults for an edge and a key.
    pub fn to(url: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key: key.into(),
            batch_events: 100,
            batch_bytes: MIB,
            batch_wait: Duration::from_secs(5),
            memory_bytes: 32 * MIB,
            event_bytes: 256 * KIB,
            state_depth: 32,
            in_flight: 4,
            request_wait: Duration::from_secs(30),
            spill_folder: Some("hindsight-spill".into()),
            spill_bytes: 256 * MIB as u64,
            close_wait: Duration::from_secs(10),
            strict: false,
            mask_names: vec![],
            mask_except: vec![],
            mask_phones: false,
        }
    }

    /// Refuses what can't work, so that it is found at the start and not when the first event is lost.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let is_address = reqwest::Url::parse(&self.url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_address {
            return Err(OptionsError::Url(self.url.clone()));
        }
        if self.key.is_empty() || !self.key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(OptionsError::Key);
        }
        let event_bytes = self.event_bytes as u128;
        let hour_ms = 3_600_000;
        within(
            "batch_events",
            self.batch_events as u128,
            1,
            MOST_BATCH_EVENTS as u128,
        )?;
        within("batch_bytes", self.batch_bytes as u128, 1_024, 4 * MIB as u128)?;
        within("event_bytes", event_bytes, 1_000, 512 * KIB as u128)?;
        within("memory_bytes", self.memory_bytes as u128, event_bytes, u128::MAX)?;
        within("spill_bytes", self.spill_bytes.into(), event_bytes, u128::MAX)?;
        within("state_depth", self.state_depth as u128, 1, 60)?;
        within("in_flight", self.in_flight as u128, 1, 64)?;
        within("batch_wait (ms)", self.batch_wait.as_millis(), 1, hour_ms)?;
        within("request_wait (ms)", self.request_wait.as_millis(), 1, hour_ms)?;
        within("close_wait (ms)", self.close_wait.as_millis(), 0, hour_ms)
    }
}

fn within(name: &'static str, value: u128, least: u128, most: u128) -> Result<(), OptionsError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(OptionsError::OutOfBounds {
        name,
        value,
        least,
        most,
    })
}
