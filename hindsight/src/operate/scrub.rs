//! Compares the views with the log, once, for a person who asks.
//!
//! **Invariant:** nothing is written. **Failure:** embedded engines are one process's own: while it runs it compares by
//! itself, and the command is refused.

use std::sync::Arc;

use hindsight_engines::replay::ReplayIndex;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::scrub::{Passed, Progress, ScrubOptions};

use super::alone::Alone;
use crate::engines::{Tables, Use, Wanted};
use crate::roles::{self, VIEW_GENERATION};
use crate::settings::Settings;

/// Records that are looked at together.
const PAGE: u64 = 200;

/// Looks at so many records of each partition, or at all.
pub(crate) async fn scrub(
    settings: &Settings,
    of_each: Option<u64>,
    hear: impl FnMut(Progress),
) -> anyhow::Result<Passed> {
    let wanted = Wanted {
        log: Some(roles::groups()),
        analytics: Some(Tables::Of(VIEW_GENERATION)),
        segments: Some(Use::Read),
        search: true,
    };
    let alone = Alone::open(settings, wanted).await?;
    let engines = &alone.engines;
    let (analytics, segments) = (engines.analytics(), engines.segments());
    let replays = Arc::new(ReplayIndex::new(analytics, segments.clone(), VIEW_GENERATION));
    let options = ScrubOptions {
        records: PAGE,
        ..ScrubOptions::default()
    };
    let scrubber = roles::scrubber(engines, replays, &ErasedSessions::new(segments), options);
    let passed = scrubber.pass(of_each, hear).await;
    drop(scrubber);
    alone.close().await;
    Ok(passed?)
}
