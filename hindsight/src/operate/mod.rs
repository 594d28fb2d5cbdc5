//! What operators ask of a running installation: how far the views are, what they refused, what long work there is; and
//! the work itself ([`rebuild`]).
//!
//! The same questions are answered in two places. Where the log is shared (Kafka), or where no process holds the data
//! folder, the command opens the log itself. A process that holds the folder answers them on its operators' routes
//! ([`door`]), to whoever has the admin token. **Invariant:** asking changes nothing; a resend alone does.

mod alone;
mod door;
pub(crate) mod lag;
pub(crate) mod letters;
mod place;
pub(crate) mod rebuild;
pub(crate) mod safe;
pub(crate) mod scrub;
pub(crate) mod table;

use std::sync::Arc;

use hindsight_engines::log::{ConsumerError, EventLog};
use hindsight_engines::segments::SegmentStore;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::jobs::{self, Job, JobError};
use serde_json::Value;
use tokio::sync::Mutex;

pub(crate) use door::door;
pub(crate) use place::{Place, PlaceArgs, Purpose};

use lag::LaneLag;
use letters::{LetterId, List, Outcome};

/// The engines that the questions are about.
pub(crate) struct Asked {
    log: Arc<dyn EventLog>,
    /// The list of erased sessions, needed for a resend, and the jobs.
    segments: Option<Arc<dyn SegmentStore>>,
    /// One resend after the other, so that the second sees the mark of the first.
    resending: Mutex<()>,
}

impl Asked {
    pub(crate) fn new(log: Arc<dyn EventLog>, segments: Option<Arc<dyn SegmentStore>>) -> Self {
        Self {
            log,
            segments,
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
        let erased = ErasedSessions::new(self.segments().clone());
        let _alone = self.resending.lock().await;
        letters::resend(&*self.log, &erased, id).await
    }

    async fn jobs(&self) -> Result<Vec<Job>, JobError> {
        jobs::jobs(&**self.segments()).await
    }

    fn segments(&self) -> &Arc<dyn SegmentStore> {
        let segments = self.segments.as_ref();
        segments.expect("whoever asks this has opened the segments")
    }
}
