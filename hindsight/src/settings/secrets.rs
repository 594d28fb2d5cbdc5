//! Secrets that stand in files of their own, as orchestrators mount them: `search.api_key_file` names one.
//!
//! **Invariant:** a key that has a twin ending in `_file` is a secret. One end of line behind it is not part of it.
//! **Failure:** both set, or a file that can't be read, refuses to start and names the key.

use config::Config;

use super::keys::flat;
use super::schema::Settings;
use crate::failure::Failure;

/// A file of a secret is never longer: a wrong path is noticed before it is read.
const LONGEST_BYTES: u64 = 64 << 10;

/// The keys of all secrets.
pub(super) fn keys() -> Vec<String> {
    let known = flat(&Settings::default());
    let names = known.keys().filter_map(|key| key.strip_suffix("_file"));
    names
        .filter(|name| known.contains_key(*name))
        .map(String::from)
        .collect()
}

/// What each file that is named holds, by the key of its secret.
pub(super) fn read(config: &Config) -> Result<Vec<(String, String)>, Failure> {
    let mut secrets = Vec::new();
    for key in keys() {
        let file = config.get_string(&format!("{key}_file")).unwrap_or_default();
        if file.is_empty() {
            continue;
        }
        if config.get_string(&key).is_ok_and(|given| !given.is_empty()) {
            return Err(Failure::Configuration(format!(
                "{key} and {key}_file are both set: leave one out"
            )));
        }
        let secret = read_one(&file)
            .map_err(|error| Failure::Configuration(format!("{key}_file {file} can't be used: {error}")))?;
        secrets.push((key, secret));
    }
    Ok(secrets)
}

fn read_one(file: &str) -> std::io::Result<String> {
    if std::fs::metadata(file)?.len() > LONGEST_BYTES {
        return Err(std::io::Error::other(format!("it is over {LONGEST_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(file)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
