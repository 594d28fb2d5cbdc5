//! The keys of all settings with their values, and which of them is nearest to one that isn't known. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Tables whose keys are names of the user's own, or another program's.
pub(super) const FREE_TABLES: [&str; 2] = ["project.retention.", "log.client."];

/// `section.name` and what it is.
pub(super) fn flat(settings: &impl Serialize) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    let values = serde_json::to_value(settings).expect("settings are plain data");
    flatten("", &values, &mut flat);
    flat
}

fn flatten(key: &str, value: &Value, flat: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
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

/// Section and name of a key, as they stand in a file.
pub(super) fn place(key: &str) -> (&str, String) {
    let free = FREE_TABLES.iter().find_map(|table| key.strip_prefix(table));
    if let Some(name) = free {
        let section = &key[..key.len() - name.len() - 1];
        return (section, serde_json::Value::from(name).to_string());
    }
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    (section, name.into())
}

/// Whether the names in this key's table are free.
pub(super) fn is_free(key: &str) -> bool {
    FREE_TABLES.iter().any(|table| key.starts_with(table))
}

/// The known key that may have been meant.
pub(super) fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> &'a str {
    known
        .min_by_key(|candidate| distance(key, candidate))
        .expect("there are settings")
}

/// Levenshtein distance.
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

    #[test]
    fn a_free_name_is_quoted_whatever_it_holds() {
        assert_eq!(
            place("log.client.linger.ms"),
            ("log.client", "\"linger.ms\"".into())
        );
        assert_eq!(place("log.sasl.password"), ("log.sasl", "password".into()));
    }
}
