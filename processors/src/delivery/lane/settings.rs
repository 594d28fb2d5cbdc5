//! What a lane is of, and what can be set.

use std::sync::Arc;
use std::time::Duration;

use hindsight_engines::failpoint;
use hindsight_schemas::ids::{LogId, Partition};

use super::retry::{Backoff, PoisonLimit};
use crate::delivery::materializer::CutLimits;

/// The lane's safeguards, each of which a test removes to see that it is needed. Always all on elsewhere.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// Win the intent before writing.
    pub intent: bool,
    /// Settle what nobody knows instead of writing again.
    pub settle: bool,
    /// Write nothing past the lease.
    pub lease: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            intent: !failpoint::is_set("without-intent"),
            settle: !failpoint::is_set("without-settle"),
            lease: !failpoint::is_set("without-lease"),
        }
    }
}

/// What can be set.
#[derive(Debug, Clone, Copy)]
pub struct LaneSettings {
    /// Without a next range for so long, what is done is committed (default 50 ms).
    pub tick: Duration,
    /// Pauses between attempts.
    pub backoff: Backoff,
    /// How much poison stops the lane.
    pub poison: PoisonLimit,
    #[doc(hidden)]
    pub guards: Guards,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(50),
            backoff: Backoff::default(),
            poison: PoisonLimit::default(),
            guards: Guards::default(),
        }
    }
}

/// What a lane is of.
#[derive(Clone)]
pub struct LaneSpec {
    /// The partition.
    pub partition: Partition,
    /// The log.
    pub log_id: LogId,
    /// The generation of the view.
    pub view_generation: u32,
    /// The materializer's version.
    pub version: u32,
    /// Whether ranges of another version are made so by this one.
    pub repeats: Arc<dyn Fn(u32) -> bool + Send + Sync>,
    /// When ranges are cut.
    pub limits: CutLimits,
    /// The rest.
    pub settings: LaneSettings,
}
