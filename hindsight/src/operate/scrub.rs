//! Compares the views with the log, once, for a person who asks.
//!
//! **Invariant:** nothing is written. **Failure:** embedded engines are one process's own: while it runs it compares by
//! itself, and the command is refused.

use std::sync::Arc;

use hindsight_engines::replay::ReplayIndex;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::scrub::{Passed, Progress, ScrubOptions};

use super::place::{has_embedded, has_log};
use crate::data_folder::DataFolder;
use crate::engines::{Engines, Tables, Use, Waiting, Wanted};
use crate::roles::{self, VIEW_GENERATION};
use crate::settings::Settings;
use crate::settings::engines::LogKind;

/// Records that are looked at together.
const PAGE: u64 = 200;

/// Looks at so many records of each partition, or at all.
pub(crate) async fn scrub(
    settings: &Settings,
    of_each: Option<u64>,
    hear: impl FnMut(Progress),
) -> anyhow::Result<Passed> {
    let folder = &settings.server.data_dir;
    if settings.log.kind == LogKind::Embedded {
        has_log(folder)?;
    }
    let _lock = has_embedded(settings)
        .then(|| DataFolder::open(folder))
        .transpose()?;
    let mut settings = settings.clone();
    // A mistyped name must not leave topics behind.
    settings.log.kafka.create_topics = false;
    let wanted = Wanted {
        log: Some(roles::groups()),
        analytics: Some(Tables::Of(VIEW_GENERATION)),
        segments: Some(Use::Read),
        search: true,
    };
    let engines = Engines::open(&settings, wanted, &Waiting::default()).await?;
    let (analytics, segments) = (engines.analytics(), engines.segments());
    let replays = Arc::new(ReplayIndex::new(analytics, segments.clone(), VIEW_GENERATION));
    let options = ScrubOptions {
        records: PAGE,
        ..ScrubOptions::default()
    };
    let scrubber = roles::scrubber(&engines, replays, &ErasedSessions::new(segments), options);
    let passed = scrubber.pass(of_each, hear).await;
    drop(scrubber);
    engines.close().await;
    Ok(passed?)
}
