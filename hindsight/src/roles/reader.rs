//! The read side with the console, and the ClickHouse door for analysts: what they read from.

use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::replay::ReplayIndex;
use hindsight_policy::KeyActivity;
use hindsight_processors::lifecycle::Watermarks;
use hindsight_query_api::{Access, CompleteTo, Reader, ShownKey, ShownKeys};
use hindsight_schemas::ids::ProjectId;
use hindsight_schemas::record::KeyKind;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::tasks::Tasks;
use super::views::{View, watched};
use crate::credentials::Credentials;
use crate::engines::Engines;
use crate::settings::Settings;

/// Makes the read side over the engines. What becomes of calls with a key is known where the edge is beside it.
pub(super) fn reader(
    settings: &Settings,
    credentials: &Credentials,
    engines: &Engines,
    replays: Arc<ReplayIndex>,
    activity: Option<Arc<KeyActivity>>,
    tasks: &mut Tasks,
) -> anyhow::Result<Arc<Reader>> {
    let project = &settings.project;
    let zone = TimeZone::get(&project.time_zone).with_context(|| {
        format!(
            "project.time_zone {:?} is not in the IANA time zone database",
            project.time_zone
        )
    })?;
    let searchable = Watermarks::new(engines.log(), watched(&[View::Search])).searched_in(engines.search());
    tasks.spawn(|stopped| searchable.clone().run(stopped));
    let complete_to: CompleteTo = Arc::new(move || Timestamp::from_millisecond(searchable.least()?).ok());
    let reader = Reader::new(
        Access::new(&credentials.admin_token, vec![project.id.clone()]),
        engines.analytics(),
        engines.search(),
        replays,
        complete_to,
    );
    let keys = shown_keys(&project.id, credentials, activity);
    Ok(Arc::new(reader.with_time_zone(zone).with_keys(keys)))
}

/// The keys as the console lists them: without the server key itself.
fn shown_keys(
    project: &ProjectId,
    credentials: &Credentials,
    activity: Option<Arc<KeyActivity>>,
) -> ShownKeys {
    let key = |kind: KeyKind, key: Option<&String>| ShownKey {
        id: kind.as_str().to_owned(),
        kind: kind.as_str(),
        project: project.clone(),
        key: key.cloned(),
    };
    ShownKeys {
        keys: vec![
            key(KeyKind::Browser, Some(&credentials.browser_key)),
            key(KeyKind::App, Some(&credentials.app_key)),
            key(KeyKind::Server, None),
        ],
        activity,
    }
}
