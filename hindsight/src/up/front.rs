//! The doors: the edge for writers (the one project of the settings, the three keys of the credentials), the read
//! side with the console, the ClickHouse door for analysts, and the contract of all of them.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use hindsight_ingest::{Edge, EdgeOptions};
use hindsight_policy::{Key, KeyActivity, KeySet, SecretHash};
use hindsight_processors::erasure::ErasedSessions;
use hindsight_query_api::{Access, CompleteTo, Reader, ShownKey, ShownKeys};
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::record::KeyKind;
use jiff::tz::TimeZone;

use super::system::System;
use crate::credentials::Credentials;
use crate::settings::Settings;

/// The edge sees erasures as the lanes do.
struct Erased(ErasedSessions);

#[async_trait::async_trait]
impl hindsight_ingest::ErasedSessions for Erased {
    async fn is_erased(&self, project: &ProjectId, session_id: SessionId) -> bool {
        self.0.contains(project, session_id)
    }
}

/// Makes the edge over the log.
pub(super) fn edge(
    settings: &Settings,
    credentials: &Credentials,
    system: &System,
) -> anyhow::Result<Arc<Edge>> {
    let edge = Edge::new(
        options(settings),
        vec![settings.project.clone()],
        keys(&settings.project.id, credentials)?,
        system.log.clone(),
        Arc::new(Erased(system.erased.clone())),
    );
    Ok(Arc::new(
        edge.context("the edge can't be opened with these settings")?,
    ))
}

fn options(settings: &Settings) -> EdgeOptions {
    EdgeOptions {
        limits: settings.limits.clone(),
        rate: settings.rate.clone(),
        edge: settings.edge.clone(),
    }
}

fn keys(project: &ProjectId, credentials: &Credentials) -> anyhow::Result<KeySet> {
    let key = |id: &str, secret: &str, kind: KeyKind| Key {
        id: id.into(),
        secret: SecretHash::of(secret),
        kind,
        project: project.clone(),
        origins: Vec::new(),
        // The first server key has the import right.
        import: kind == KeyKind::Server,
    };
    let keys = vec![
        key("server", &credentials.write_key, KeyKind::Server),
        key("browser", &credentials.browser_key, KeyKind::Browser),
        key("app", &credentials.app_key, KeyKind::App),
    ];
    KeySet::new(keys).context("credentials.json holds one key twice")
}

/// Makes the read side over the engines.
pub(super) fn reader(
    settings: &Settings,
    credentials: &Credentials,
    system: &Arc<System>,
    activity: Arc<KeyActivity>,
) -> anyhow::Result<Arc<Reader>> {
    let project = &settings.project;
    let zone = TimeZone::get(&project.time_zone).with_context(|| {
        format!(
            "project.time_zone {:?} is not in the IANA time zone database",
            project.time_zone
        )
    })?;
    let looked_at = system.clone();
    let complete_to: CompleteTo = Arc::new(move || looked_at.search_complete_to());
    let reader = Reader::new(
        Access::new(&credentials.admin_token, vec![project.id.clone()]),
        system.analytics.clone(),
        system.search.clone(),
        system.replays.clone(),
        complete_to,
    );
    let keys = shown_keys(&project.id, credentials, activity);
    Ok(Arc::new(reader.with_time_zone(zone).with_keys(keys)))
}

/// The keys as the console lists them: without the server key itself.
fn shown_keys(project: &ProjectId, credentials: &Credentials, activity: Arc<KeyActivity>) -> ShownKeys {
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
        activity: Some(activity),
    }
}

/// `GET /openapi.json`: what the process serves, writing and reading.
pub(super) fn contract() -> anyhow::Result<Router> {
    let json = hindsight_query_api::openapi(hindsight_ingest::openapi())
        .to_json()
        .context("the contract can't be written as JSON")?;
    let answer = move || async move { ([("content-type", "application/json")], json) };
    Ok(Router::new().route("/openapi.json", get(answer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const DOCUMENT: &str = include_str!("../../../docs/api.md");

    /// `docs/api.md` has a section for each call that is served, and for no other.
    #[test]
    fn each_call_is_documented() {
        let contract = hindsight_query_api::openapi(hindsight_ingest::openapi());
        let served: BTreeSet<String> = contract
            .paths
            .paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = [("GET", item.get.is_some()), ("POST", item.post.is_some())];
                methods.map(|(method, there)| there.then(|| format!("{method} {path}")))
            })
            .flatten()
            .collect();
        let documented: BTreeSet<String> = DOCUMENT
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .filter(|title| title.contains(" /"))
            .map(str::to_owned)
            .collect();
        assert_eq!(documented, served);
    }

    #[test]
    fn each_documented_limit_is_the_default() {
        let settings = serde_json::to_value(Settings::default()).expect("settings are JSON");
        let rows: Vec<_> = DOCUMENT
            .lines()
            .filter_map(|line| {
                let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
                Some((
                    name.replace('.', "/"),
                    rest.split_once(" | ")?.0.parse::<u64>().ok()?,
                ))
            })
            .collect();
        assert!(rows.len() > 10, "{rows:?}");
        for (name, value) in rows {
            assert_eq!(
                settings.pointer(&format!("/{name}")),
                Some(&value.into()),
                "{name}"
            );
        }
    }
}
