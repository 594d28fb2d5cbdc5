//! The environment as a source of settings: `HINDSIGHT_LOG__SASL__PASSWORD` is `log.sasl.password`.
//!
//! **Invariant:** what is a text by its default is taken as it stands, so that a password of digits, or one with a comma,
//! is not read as a number or a list; lists are separated by commas.

use std::collections::HashMap;

use config::Environment;
use serde_json::Value;

use super::Settings;
use super::keys::flat;

/// Prefix of the environment's settings; those without `__` (`HINDSIGHT_CACHE`, ...) are no settings.
const PREFIX: &str = "HINDSIGHT_";
const BETWEEN: &str = "__";

/// The sources: texts, then everything else.
pub(super) fn sources(variables: HashMap<String, String>) -> [Environment; 2] {
    let settings = variables.into_iter().filter(|(name, _)| {
        name.strip_prefix(PREFIX)
            .is_some_and(|rest| rest.contains(BETWEEN))
    });
    let defaults = flat(&Settings::default());
    let is_text = |name: &str| matches!(defaults.get(&key_of(name)), Some(Value::String(_) | Value::Null));
    let (texts, others) = settings.partition(|(name, _)| is_text(name));
    let lists = defaults.iter().filter(|(_, value)| value.is_array());
    let parsed = lists.fold(
        source(others).try_parsing(true).list_separator(","),
        |source, (key, _)| source.with_list_parse_key(key),
    );
    [source(texts), parsed]
}

fn source(variables: HashMap<String, String>) -> Environment {
    Environment::with_prefix("HINDSIGHT")
        .prefix_separator("_")
        .separator(BETWEEN)
        .ignore_empty(true)
        .source(Some(variables))
}

fn key_of(name: &str) -> String {
    name[PREFIX.len()..].replace(BETWEEN, ".").to_lowercase()
}
