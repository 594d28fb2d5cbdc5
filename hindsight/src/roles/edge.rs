//! The edge for writers: the one project of the settings, the three keys of the credentials, the log.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hindsight_ingest::{Edge, EdgeOptions};
use hindsight_policy::{Key, KeySet, SecretHash};
use hindsight_processors::erasure::ErasedSessions;
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::record::KeyKind;
use tokio::sync::watch;

use crate::credentials::Credentials;
use crate::engines::Engines;
use crate::settings::Settings;

/// How old the list of erased sessions may be where no lane of this process reads of erasures. What slips through is
/// dropped by the lanes.
const LIST_EVERY: Duration = Duration::from_secs(30);

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
    engines: &Engines,
    erased: ErasedSessions,
) -> anyhow::Result<Arc<Edge>> {
    let edge = Edge::new(
        options(settings),
        vec![settings.project.clone()],
        keys(&settings.project.id, credentials)?,
        engines.log(),
        Arc::new(Erased(erased)),
    );
    Ok(Arc::new(
        edge.context("the edge can't be opened with these settings")?,
    ))
}

/// Reads the list of erased sessions again and again, until `stop` turns true.
pub(super) async fn keep_listed(erased: ErasedSessions, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = erased.load().await {
            tracing::warn!(%error, "the list of erased sessions can't be read, trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(LIST_EVERY) => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() { return },
        }
    }
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
    KeySet::new(keys).context("the credentials hold one key twice")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/api.md");

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
