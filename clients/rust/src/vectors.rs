//! The cases that all clients share: `clients/vectors`.

use serde_json::Value;

pub(crate) fn file(name: &str) -> Value {
    let path = format!("{}/../vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn cases(name: &str) -> Vec<Value> {
    file(name).as_array().unwrap().clone()
}

pub(crate) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Shorthand as in `clients/vectors/README.md`.
pub(crate) fn value(node: &Value) -> Value {
    match node {
        Value::Object(members) => match (members.get("repeat"), members.get("integer")) {
            (Some(Value::String(what)), _) => {
                let times = members["times"].as_u64().unwrap();
                what.repeat(usize::try_from(times).unwrap()).into()
            }
            (_, Some(Value::String(digits))) => digits
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| digits.parse::<u64>().map(Value::from))
                .unwrap(),
            _ => members
                .iter()
                .map(|(name, member)| (name.clone(), value(member)))
                .collect(),
        },
        Value::Array(items) => items.iter().map(value).collect(),
        other => other.clone(),
    }
}
