//! Lays the sources of settings over each other and keeps where each value is from.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use config::{Config, File, FileFormat, Source as _, Value, ValueKind};

use super::Settings;
use super::engines::{KAFKA_RETENTION_HOURS, LogKind};
use super::keys::{flat, is_free, nearest};
use super::kinds::Idle;
use super::schema::DEFAULT_PROJECT;
use super::{environment, secrets};
use crate::failure::Failure;

/// Values given on the command line, which win over all else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides(Vec<(&'static str, String, &'static str)>);

impl Overrides {
    /// Sets a key to what a flag said.
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<String>, flag: &'static str) {
        self.0.push((key, value.into(), flag));
    }

    /// Sets a key where the flag was given.
    pub(crate) fn set_given(&mut self, key: &'static str, value: Option<&String>, flag: &'static str) {
        if let Some(value) = value {
            self.set(key, value, flag);
        }
    }
}

/// The settings in force, each with its origin.
#[derive(Debug, Clone)]
pub(crate) struct Effective {
    /// The settings.
    pub(crate) settings: Settings,
    origins: BTreeMap<String, String>,
}

impl Effective {
    /// Where a value is from.
    pub(super) fn origin(&self, key: &str) -> &str {
        self.origins.get(key).map_or("default", String::as_str)
    }
}

/// Loads the settings from defaults, the file, the environment and the flags.
pub(crate) fn load(file: Option<&Path>, flags: &Overrides) -> anyhow::Result<Effective> {
    load_with_environment(file, std::env::vars().collect(), flags)
}

fn load_with_environment(
    file: Option<&Path>,
    variables: HashMap<String, String>,
    flags: &Overrides,
) -> anyhow::Result<Effective> {
    let refused = |reason: String| Failure::Configuration(reason);
    let mut builder = Config::builder()
        .set_default("project.id", DEFAULT_PROJECT)
        .map_err(|error| refused(error.to_string()))?;
    if let Some(path) = file {
        builder = builder.add_source(File::from(path).format(FileFormat::Toml));
    }
    for source in environment::sources(variables) {
        builder = builder.add_source(source);
    }
    for (key, value, _) in &flags.0 {
        builder = builder
            .set_override(key, value.as_str())
            .map_err(|error| refused(error.to_string()))?;
    }
    let config = builder.build().map_err(|error| refused(error.to_string()))?;

    let mut origins = BTreeMap::new();
    for (key, value) in &config.collect().map_err(|error| refused(error.to_string()))? {
        flatten_origins(key, value, &mut origins);
    }
    for (key, _, flag) in &flags.0 {
        origins.insert((*key).into(), (*flag).into());
    }
    refuse_unknown(&origins)?;
    let config = with_secrets(config)?;
    let mut settings: Settings = config
        .try_deserialize()
        .map_err(|error| refused(error.to_string()))?;
    Idle::of(&settings).refuse(&origins)?;
    if settings.log.kind == LogKind::Kafka && !origins.contains_key("log.retention_hours") {
        settings.log.retention_hours = KAFKA_RETENTION_HOURS;
    }
    Ok(Effective { settings, origins })
}

/// With what the files of secrets hold.
fn with_secrets(config: Config) -> Result<Config, Failure> {
    let secrets = secrets::read(&config)?;
    let refused = |error: config::ConfigError| Failure::Configuration(error.to_string());
    let mut builder = Config::builder().add_source(config);
    for (key, secret) in secrets {
        builder = builder.set_override(key, secret).map_err(refused)?;
    }
    builder.build().map_err(refused)
}

fn flatten_origins(key: &str, value: &Value, origins: &mut BTreeMap<String, String>) {
    match &value.kind {
        ValueKind::Table(table) => {
            for (name, inner) in table {
                flatten_origins(&format!("{key}.{name}"), inner, origins);
            }
        }
        _ => {
            let origin = value.origin().unwrap_or("default").to_string();
            origins.insert(key.into(), origin);
        }
    }
}

fn refuse_unknown(origins: &BTreeMap<String, String>) -> Result<(), Failure> {
    let known = flat(&Settings::default());
    for (key, origin) in origins.iter().filter(|(key, _)| !is_free(key)) {
        if !known.contains_key(key) {
            let nearest = nearest(key, known.keys());
            return Err(Failure::Configuration(format!(
                "unknown key {key:?} in {origin}; did you mean {nearest:?}? `hindsight config` lists all keys"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn check(file: &str, environment: &[(&str, &str)]) -> Result<Effective, String> {
        let mut on_disk = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        on_disk.write_all(file.as_bytes()).unwrap();
        let variables = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        load_with_environment(Some(on_disk.path()), variables, &Overrides::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_wins_over_the_file_and_each_value_tells_its_origin() {
        let file = "[server]\nlisten = \"0.0.0.0:1\"\ndrain_seconds = 5\n";
        let effective = check(
            file,
            &[
                ("HINDSIGHT_SERVER__LISTEN", "0.0.0.0:2"),
                ("HINDSIGHT_CACHE", "/x"),
                ("HOME", "/y"),
            ],
        )
        .unwrap();
        assert_eq!(effective.settings.server.listen, "0.0.0.0:2");
        assert_eq!(effective.settings.server.drain_seconds, 5);
        let shown = effective.to_toml();
        let line = |name: &str| {
            shown
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap()
                .to_string()
        };
        assert!(line("listen =").ends_with("# the environment"), "{shown}");
        assert!(line("drain_seconds").contains(".toml"), "{shown}");
        assert!(line("partitions").ends_with("# default"), "{shown}");
    }

    #[test]
    fn what_config_prints_is_a_settings_file() {
        let effective = check("[project]\nid = \"shop\"\n", &[]).unwrap();
        let again = check(&effective.to_toml(), &[]).unwrap();
        assert_eq!(flat(&again.settings), flat(&effective.settings));
    }

    #[test]
    fn lists_come_from_the_environment_too() {
        let effective = check(
            "",
            &[(
                "HINDSIGHT_PROJECT__ORIGINS",
                "https://a.example,https://b.example",
            )],
        );
        assert_eq!(effective.unwrap().settings.project.origins.len(), 2);
    }

    #[test]
    fn unknown_keys_and_wrong_types_refuse_with_the_place_and_the_likely_key() {
        let refused = check("[server]\nlistne = \"x\"\n", &[]).unwrap_err();
        assert!(
            refused.contains("server.listne") && refused.contains("\"server.listen\""),
            "{refused}"
        );
        let refused = check("", &[("HINDSIGHT_LOG__PARTITION", "3")]).unwrap_err();
        assert!(
            refused.contains("log.partition") && refused.contains("the environment"),
            "{refused}"
        );
        let refused = check("[log]\npartitions = \"many\"\n", &[]).unwrap_err();
        assert!(refused.contains("partitions"), "{refused}");
        let refused = check("[log]\nkind = \"kafak\"\n", &[]).unwrap_err();
        assert!(refused.contains("kafak") && refused.contains("kind"), "{refused}");
    }

    #[test]
    fn a_key_of_the_kind_that_is_not_chosen_is_refused_with_both() {
        let refused = check("[log]\nbrokers = \"kafka:9092\"\n", &[]).unwrap_err();
        for part in [
            "log.brokers",
            ".toml",
            "log.kind = \"kafka\"",
            "log.kind is \"embedded\"",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        let file = "[search]\nkind = \"elasticsearch\"\n[log]\nkind = \"kafka\"\nmax_bytes = 1\n";
        let refused = check(file, &[]).unwrap_err();
        assert!(
            refused.contains("log.max_bytes") && refused.contains("\"embedded\""),
            "{refused}"
        );
        let refused = check("[log.client]\n\"linger.ms\" = 5\n", &[]).unwrap_err();
        assert!(refused.contains("log.client"), "{refused}");
    }

    const REAL: &str = "[log]\nkind = \"kafka\"\nbrokers = \"kafka:9092\"\n[log.client]\n\"linger.ms\" = 5\n\
        [log.sasl]\nmechanism = \"PLAIN\"\n[clickhouse]\nkind = \"server\"\n[search]\nkind = \"elasticsearch\"\n\
        [segments]\nkind = \"s3\"\n";

    #[test]
    fn the_real_engines_have_their_own_defaults_and_are_printed_as_a_settings_file() {
        let effective = check(REAL, &[]).unwrap();
        let settings = &effective.settings;
        assert_eq!((settings.log.retention_hours, settings.log.partitions), (168, 8));
        assert_eq!(settings.log.kafka.client["linger.ms"], "5");
        let again = check(&effective.to_toml(), &[]).unwrap();
        assert_eq!(flat(&again.settings), flat(&effective.settings));
        assert!(
            effective.to_toml().contains("# max_bytes = "),
            "{}",
            effective.to_toml()
        );
    }

    #[test]
    fn texts_of_the_environment_stay_as_they_are() {
        let environment = [
            ("HINDSIGHT_LOG__SASL__PASSWORD", "0123,456"),
            ("HINDSIGHT_SEARCH__API_KEY", "1e5"),
            ("HINDSIGHT_SEARCH__URLS", "http://a:1,http://b:2"),
            ("HINDSIGHT_SEARCH__REPLICAS", "2"),
        ];
        let settings = check(REAL, &environment).unwrap().settings;
        assert_eq!(settings.log.kafka.sasl.password.reveal(), "0123,456");
        assert_eq!(settings.search.elasticsearch.options.api_key.reveal(), "1e5");
        assert_eq!(settings.search.elasticsearch.options.urls.len(), 2);
        assert_eq!(settings.search.elasticsearch.options.replicas, 2);
    }

    #[test]
    fn secrets_come_from_files_and_are_never_printed() {
        let mut secret = tempfile::NamedTempFile::new().unwrap();
        secret.write_all(b"correct horse\n").unwrap();
        let file = format!("{REAL}secret_key_file = {:?}\n", secret.path());
        let effective = check(&file, &[("HINDSIGHT_CLICKHOUSE__PASSWORD", "battery")]).unwrap();
        assert_eq!(
            effective.settings.segments.s3.options.secret_key.reveal(),
            "correct horse"
        );
        assert_eq!(
            effective.settings.clickhouse.server.options.password.reveal(),
            "battery"
        );
        let shown = effective.to_toml();
        assert!(!shown.contains("horse") && !shown.contains("battery"), "{shown}");
        assert!(shown.contains("# password = (hidden)"), "{shown}");

        let both = [("HINDSIGHT_SEGMENTS__SECRET_KEY", "x")];
        let refused = check(&file, &both).unwrap_err();
        assert!(
            refused.contains("segments.secret_key_file are both set"),
            "{refused}"
        );
        let gone = format!("{REAL}secret_key_file = \"/nowhere\"\n");
        let refused = check(&gone, &[]).unwrap_err();
        assert!(refused.contains("segments.secret_key_file /nowhere"), "{refused}");
    }
}
