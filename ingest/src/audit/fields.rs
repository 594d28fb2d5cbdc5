//! Typed reading of one event's fields: takes what is known, and what is left is unknown.

use hindsight_schemas::reason::Reason;
use serde_json::{Map, Value};

/// Longest id, name, type.
pub(super) const NAME_CHARS: usize = 256;
/// Longest free text: device, user agent, error.
pub(super) const TEXT_CHARS: usize = 16_384;
/// Most targets, references, roles of one event.
pub(super) const LIST_ITEMS: usize = 1_000;
/// Greatest whole number that a double, and so canonical JSON, holds exactly.
const EXACT: u64 = 1 << 53;

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldFault {
    pub(super) pointer: String,
    pub(super) reason: Reason,
    pub(super) en: String,
    pub(super) zh: String,
}

impl FieldFault {
    pub(super) fn new(
        pointer: impl Into<String>,
        reason: Reason,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            reason,
            en: en.into(),
            zh: zh.into(),
        }
    }

    pub(super) fn invalid(pointer: impl Into<String>, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(pointer, Reason::InvalidAudit, en, zh)
    }
}

/// The fields of an object that were not taken yet.
pub(super) struct Fields {
    pointer: String,
    left: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(pointer: impl Into<String>, members: Map<String, Value>) -> Self {
        Self {
            pointer: pointer.into(),
            left: members,
        }
    }

    pub(super) fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    /// A field; null is absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A text; a number is taken for its digits. Empty is absent.
    pub(super) fn text(&mut self, name: &str, longest: usize) -> Result<Option<String>, FieldFault> {
        let text = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(FieldFault::invalid(self.place(name), "is not a text", "不是文本")),
        };
        if text.chars().count() > longest {
            let (en, zh) = (
                format!("is longer than {longest} characters"),
                format!("超过 {longest} 个字符"),
            );
            return Err(FieldFault::invalid(self.place(name), en, zh));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A name or id; empty where it is absent.
    pub(super) fn name(&mut self, name: &str) -> Result<String, FieldFault> {
        Ok(self.text(name, NAME_CHARS)?.unwrap_or_default())
    }

    /// An object's fields.
    pub(super) fn object(&mut self, name: &str) -> Result<Fields, FieldFault> {
        match self.take(name) {
            None => Ok(Fields::new(self.place(name), Map::new())),
            Some(Value::Object(members)) => Ok(Fields::new(self.place(name), members)),
            Some(_) => Err(FieldFault::invalid(
                self.place(name),
                "is not an object",
                "不是对象",
            )),
        }
    }

    /// A list of objects' fields.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Fields>, FieldFault> {
        self.list(name)?
            .into_iter()
            .enumerate()
            .map(|(index, item)| match item {
                Value::Object(members) => Ok(Fields::new(format!("{}/{index}", self.place(name)), members)),
                _ => Err(FieldFault::invalid(
                    format!("{}/{index}", self.place(name)),
                    "is not an object",
                    "不是对象",
                )),
            })
            .collect()
    }

    /// A list of texts.
    pub(super) fn names(&mut self, name: &str) -> Result<Vec<String>, FieldFault> {
        self.list(name)?
            .into_iter()
            .enumerate()
            .map(|(index, item)| match item {
                Value::String(text) if text.chars().count() <= NAME_CHARS => Ok(text),
                _ => Err(FieldFault::invalid(
                    format!("{}/{index}", self.place(name)),
                    "is not a short text",
                    "不是短文本",
                )),
            })
            .collect()
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value>, FieldFault> {
        match self.take(name) {
            None => Ok(vec![]),
            Some(Value::Array(items)) if items.len() <= LIST_ITEMS => Ok(items),
            Some(Value::Array(_)) => {
                let (en, zh) = (
                    format!("has more than {LIST_ITEMS} items"),
                    format!("超过 {LIST_ITEMS} 项"),
                );
                Err(FieldFault::invalid(self.place(name), en, zh))
            }
            Some(_) => Err(FieldFault::invalid(self.place(name), "is not a list", "不是列表")),
        }
    }

    /// A state of any shape. JSON in a text is unpacked, so that masking and diffs see its fields.
    pub(super) fn state(&mut self, name: &str) -> Value {
        match self.take(name) {
            Some(Value::String(text)) if text.trim_start().starts_with(['{', '[']) => unpack(text),
            Some(value) => value,
            None => Value::Null,
        }
    }

    /// What was not taken.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.left
    }
}

/// JSON in a text as a tree; a text that is none, or too deep, stays a text.
fn unpack(text: String) -> Value {
    let nested = crate::scan::elements(text.as_bytes(), super::split::MAX_DEPTH / 2);
    let fits = nested.is_ok_and(|mut elements| {
        while let Ok(more) = elements.next_text() {
            if more.is_none() {
                return true;
            }
        }
        false
    });
    match serde_json::from_str(&text) {
        Ok(tree) if fits => tree,
        _ => Value::String(text),
    }
}

/// Makes every number one that canonical JSON (IEEE 754 doubles) holds exactly: larger whole numbers become texts of
/// their digits. The fault is the pointer of a number whose digits are already lost.
pub(super) fn keep_numbers(value: &mut Value, pointer: &str) -> Result<(), String> {
    match value {
        Value::Number(number) => match (
            number.as_i64().map(i64::unsigned_abs).or(number.as_u64()),
            number.as_f64(),
        ) {
            (Some(whole), _) if whole > EXACT => *value = Value::String(number.to_string()),
            (None, Some(float)) if float.abs() > EXACT as f64 => return Err(pointer.to_owned()),
            _ => {}
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                keep_numbers(item, &format!("{pointer}/{index}"))?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                keep_numbers(member, &format!("{pointer}/{name}"))?;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_kept_exactly_or_refused() {
        let mut value =
            json!({"id": 1234567890123456789u64, "n": [9007199254740992u64, -9007199254740993i64], "f": 0.1});
        keep_numbers(&mut value, "").unwrap();
        assert_eq!(
            value,
            json!({"id": "1234567890123456789", "n": [9007199254740992u64, "-9007199254740993"], "f": 0.1})
        );
        let mut lost: Value = serde_json::from_str(r#"{"a": [123456789012345678901234567890]}"#).unwrap();
        assert_eq!(keep_numbers(&mut lost, ""), Err("/a/0".into()));
    }

    #[test]
    fn json_in_a_text_is_unpacked() {
        let mut fields = Fields::new(
            "",
            json!({"a": "{\"password\": 1}", "b": "{no", "c": "plain"})
                .as_object()
                .unwrap()
                .clone(),
        );
        assert_eq!(fields.state("a"), json!({"password": 1}));
        assert_eq!(
            (fields.state("b"), fields.state("c"), fields.state("d")),
            (json!("{no"), json!("plain"), Value::Null)
        );
    }
}
