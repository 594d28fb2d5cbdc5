//! The read side with the console, and the ClickHouse door for analysts: what they read from.

use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::replay::ReplayIndex;
use hindsight_processors::lifecycle::Watermarks;
use hindsight_query_api::{Access, CompleteTo, Reader};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::tasks::Tasks;
use super::views::{View, watched};
use crate::credentials::Credentials;
use crate::engines::Engines;
use crate::settings::Settings;

/// Makes the read side over the engines.
pub(super) fn reader(
    settings: &Settings,
    credentials: &Credentials,
    engines: &Engines,
    replays: Arc<ReplayIndex>,
    tasks: &mut Tasks,
) -> anyhow::Result<Arc<Reader>> {
    let project = &settings.project;
    let zone = TimeZone::get(&project.time_zone).with_context(|| {
        format!(
            "project.time_zone {:?} is not in the IANA time zone database",
            project.time_zone
        )
    })?;
    let searchable = Watermarks::new(engines.log(), watched(&[View::Search]));
    tasks.spawn(|stopped| searchable.clone().run(stopped));
    let complete_to: CompleteTo = Arc::new(move || Timestamp::from_millisecond(searchable.least()?).ok());
    let reader = Reader::new(
        Access::new(&credentials.admin_token, vec![project.id.clone()]),
        engines.analytics(),
        engines.search(),
        replays,
        complete_to,
    );
    Ok(Arc::new(reader.with_time_zone(zone)))
}
