//! Any serializable value as masked, bounded JSON. Never fails: a value that can't be read becomes a text that says so.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::masking::{MASK, Masking};

/// Greatest whole number that a double, and so the edge's canonical form, holds exactly.
const EXACT: u64 = 1 << 53;
/// Which names hold a name, where its value lies beside it in `value`.
const PAIR_NAMES: &[&str] = &["name", "key", "field", "param"];

/// Reads a value as a tree, now.
pub(crate) fn tree(state: impl Serialize) -> Value {
    serde_json::to_value(state).unwrap_or_else(|error| format!("[unreadable: {error}]").into())
}

/// Masks and bounds trees.
#[derive(Debug)]
pub(crate) struct StateWriter {
    masking: Masking,
    depth: usize,
}

impl StateWriter {
    pub(crate) fn new(masking: Masking, depth: usize) -> Self {
        Self { masking, depth }
    }

    /// The tree as it may leave the service.
    pub(crate) fn write(&self, state: Value) -> Value {
        self.value(unpacked(state), 1)
    }

    fn value(&self, value: Value, level: usize) -> Value {
        match value {
            Value::Object(_) | Value::Array(_) if level > self.depth => "[nested too deeply]".into(),
            Value::Object(members) => Value::Object(self.members(members, level)),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.value(item, level + 1))
                .collect(),
            Value::String(text) => Value::String(self.masking.clean_query(&text).unwrap_or(text)),
            Value::Number(number) => {
                let whole = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
                let is_beyond = match whole {
                    Some(whole) => whole > EXACT,
                    None => number.as_f64().is_none_or(|float| float.abs() > EXACT as f64),
                };
                if is_beyond {
                    Value::String(number.to_string())
                } else {
                    Value::Number(number)
                }
            }
            plain => plain,
        }
    }

    fn members(&self, members: Map<String, Value>, level: usize) -> Map<String, Value> {
        let pair_is_sensitive = PAIR_NAMES.iter().any(|name| {
            members
                .get(*name)
                .and_then(Value::as_str)
                .is_some_and(|text| self.masking.is_sensitive(text))
        });
        let masked = |(name, value): (String, Value)| {
            let is_sensitive = self.masking.is_sensitive(&name) || (pair_is_sensitive && name == "value");
            let value = if is_sensitive && holds_something(&value) {
                MASK.into()
            } else {
                self.value(value, level + 1)
            };
            (name, value)
        };
        members.into_iter().map(masked).collect()
    }
}

/// JSON in a text as a tree, so that its fields are masked; a text that is none stays a text.
fn unpacked(state: Value) -> Value {
    match &state {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(text).unwrap_or(state)
        }
        _ => state,
    }
}

/// Null, booleans and what is empty stay: they tell whether there was a value, and hold no secret.
fn holds_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Number(_) => true,
    }
}
