//! What operators ask of a running installation: how far the views are, what they refused.
//!
//! The same questions are answered in two places. Where the log is shared (Kafka), or where no process holds the data
//! folder, the command opens the log itself. A process that holds the folder answers them on its operators' routes
//! ([`door`]), to whoever has the admin token. **Invariant:** asking changes nothing; a resend alone does.

mod door;
pub(crate) mod lag;
pub(crate) mod letters;
mod place;
pub(crate) mod safe;
pub(crate) mod table;

use std::sync::Arc;

use hindsight_engines::log::{ConsumerError, EventLog};
use hindsight_processors::erasure::ErasedSessions;
use serde_json::Value;
use tokio::sync::Mutex;

pub(crate) use door::door;
pub(crate) use place::{Place, PlaceArgs, Purpose};

use lag::LaneLag;
use letters::{LetterId, List, Outcome};

/// The engines that the questions are about.
pub(crate) struct Asked {
    log: Arc<dyn EventLog>,
    /// Needed for a resend alone.
    erased: Option<ErasedSessions>,
    /// One resend after the other, so that the second sees the mark of the first.
    resending: Mutex<()>,
}

impl Asked {
    pub(crate) fn new(log: Arc<dyn EventLog>, erased: Option<ErasedSessions>) -> Self {
        Self {
            log,
            erased,
            resending: Mutex::default(),
        }
    }

    async fn lag(&self) -> Result<Vec<LaneLag>, ConsumerError> {
        lag::look(&*self.log).await
    }

    async fn letters(&self) -> Result<List, ConsumerError> {
        letters::list(&*self.log).await
    }

    async fn letter(&self, id: LetterId) -> Result<Option<Value>, ConsumerError> {
        letters::show(&*self.log, id).await
    }

    async fn resend(&self, id: LetterId) -> anyhow::Result<Outcome> {
        let erased = self.erased.as_ref();
        let erased = erased.expect("whoever resends has opened the segments");
        let _alone = self.resending.lock().await;
        letters::resend(&*self.log, erased, id).await
    }
}
