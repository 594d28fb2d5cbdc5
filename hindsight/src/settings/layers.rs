//! Lays the sources of settings over each other and keeps where each value is from.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use config::{Config, Environment, File, FileFormat, Source, Value, ValueKind};

use super::Settings;
use super::schema::DEFAULT_PROJECT;
use crate::failure::Failure;

/// Prefix of the environment's settings; those without `__` (`HINDSIGHT_CACHE`, ...) are no settings.
const PREFIX: &str = "HINDSIGHT_";
/// Settings that are lists: in the environment, comma-separated.
const LISTS: [&str; 6] = [
    "project.origins",
    "project.recording.pages",
    "project.recording.except_pages",
    "project.recording.url_parameters",
    "project.recording.trace_origins",
    "edge.trusted_proxies",
];

/// Tables whose keys are names of the user's own.
const FREE_TABLES: [&str; 1] = ["project.retention."];

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
    /// A valid settings file, each line with its origin.
    pub(crate) fn to_toml(&self) -> String {
        let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let flat = flatten_settings(&self.settings);
        for (key, value) in &flat {
            let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
            let origin = self.origins.get(key).map_or("default", String::as_str);
            // TOML has no null: what is unset is shown as a comment.
            let line = if value.is_null() {
                format!("# {name} =")
            } else {
                format!("{name} = {value}")
            };
            sections
                .entry(section)
                .or_default()
                .push(format!("{line:<44} # {origin}\n"));
        }
        let mut out = String::new();
        for (section, lines) in sections {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = write!(out, "{gap}[{section}]\n{}", lines.concat());
        }
        out
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
    builder = builder.add_source(environment(variables));
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
    let settings: Settings = config
        .try_deserialize()
        .map_err(|error| refused(error.to_string()))?;
    Ok(Effective { settings, origins })
}

fn environment(variables: HashMap<String, String>) -> Environment {
    let settings: HashMap<String, String> = variables
        .into_iter()
        .filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__")))
        .collect();
    let mut source = Environment::with_prefix("HINDSIGHT")
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .ignore_empty(true)
        .source(Some(settings));
    for key in LISTS {
        source = source.with_list_parse_key(key);
    }
    source
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

fn flatten_settings(settings: &Settings) -> BTreeMap<String, serde_json::Value> {
    let mut flat = BTreeMap::new();
    flatten(
        "",
        &serde_json::to_value(settings).expect("settings are plain data"),
        &mut flat,
    );
    flat
}

fn flatten(key: &str, value: &serde_json::Value, flat: &mut BTreeMap<String, serde_json::Value>) {
    match value {
        serde_json::Value::Object(table) => {
            for (name, inner) in table {
                let path = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(&path, inner, flat);
            }
        }
        _ => drop(flat.insert(key.into(), value.clone())),
    }
}

fn refuse_unknown(origins: &BTreeMap<String, String>) -> Result<(), Failure> {
    let known = flatten_settings(&Settings::default());
    let is_named_freely = |key: &str| FREE_TABLES.iter().any(|table| key.starts_with(table));
    for (key, origin) in origins.iter().filter(|(key, _)| !is_named_freely(key)) {
        if !known.contains_key(key) {
            let nearest = known
                .keys()
                .min_by_key(|candidate| distance(key, candidate))
                .expect("there are settings");
            return Err(Failure::Configuration(format!(
                "unknown key {key:?} in {origin}; did you mean {nearest:?}? `hindsight config` lists all keys"
            )));
        }
    }
    Ok(())
}

/// Levenshtein distance, for 'did you mean'.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
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
        assert_eq!(
            flatten_settings(&again.settings),
            flatten_settings(&effective.settings)
        );
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
    }
}
