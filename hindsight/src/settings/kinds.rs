//! Which keys only one kind of an engine has. They are refused where another kind is chosen: whoever sets
//! `log.brokers` believes that Kafka is used.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::engines::{ClickHouseServer, Elasticsearch, EmbeddedClickHouse, EmbeddedLog, S3};
use super::kafka::Kafka;
use super::keys::flat;
use super::schema::Settings;
use crate::failure::Failure;

/// One kind of an engine and the keys that it alone has.
struct Kind {
    section: &'static str,
    name: &'static str,
    keys: Vec<String>,
}

impl Kind {
    fn new(section: &'static str, name: &'static str, settings: &impl Serialize) -> Self {
        let values = serde_json::to_value(settings).expect("settings are plain data");
        let names = values.as_object().into_iter().flatten().map(|(name, _)| name);
        Self {
            section,
            name,
            keys: names.map(|name| format!("{section}.{name}")).collect(),
        }
    }

    fn has(&self, key: &str) -> bool {
        let within = |own: &String| {
            key.strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.keys.iter().any(within)
    }
}

/// The kinds that are not chosen.
pub(super) struct Idle(Vec<(Kind, String)>);

impl Idle {
    /// By these settings.
    pub(super) fn of(settings: &Settings) -> Self {
        let chosen = flat(settings);
        let kinds = [
            Kind::new("log", "embedded", &EmbeddedLog::default()),
            Kind::new("log", "kafka", &Kafka::default()),
            Kind::new("clickhouse", "embedded", &EmbeddedClickHouse::default()),
            Kind::new("clickhouse", "server", &ClickHouseServer::default()),
            Kind::new("search", "elasticsearch", &Elasticsearch::default()),
            Kind::new("segments", "s3", &S3::default()),
        ];
        let idle = kinds.into_iter().filter_map(|kind| {
            let chosen = chosen
                .get(&format!("{}.kind", kind.section))
                .and_then(Value::as_str)?;
            (chosen != kind.name).then(|| (kind, chosen.to_owned()))
        });
        Self(idle.collect())
    }

    /// The kind that a key would need, and the one that is chosen.
    fn kind_of(&self, key: &str) -> Option<(&Kind, &str)> {
        let found = self.0.iter().find(|(kind, _)| kind.has(key));
        found.map(|(kind, chosen)| (kind, chosen.as_str()))
    }

    /// What a key would need, where it is of no use now.
    pub(super) fn needs(&self, key: &str) -> Option<String> {
        let (kind, _) = self.kind_of(key)?;
        Some(format!("with {}.kind = {:?}", kind.section, kind.name))
    }

    /// Refuses keys that were set for a kind that isn't chosen.
    pub(super) fn refuse(&self, origins: &BTreeMap<String, String>) -> Result<(), Failure> {
        let Some((key, origin, (kind, chosen))) = origins
            .iter()
            .find_map(|(key, origin)| Some((key, origin, self.kind_of(key)?)))
        else {
            return Ok(());
        };
        let section = kind.section;
        Err(Failure::Configuration(format!(
            "{key} in {origin} is of {section}.kind = {:?}, but {section}.kind is {chosen:?}: set {section}.kind, or \
             leave {key} out",
            kind.name
        )))
    }
}
