//! What an operation changed: the leaves that differ between `before` and `after`.
//!
//! A path is keys and list indices joined by dots (`lines.0.amount`); the root's own is `$`. A leaf is a scalar
//! or an empty object or list. **Invariant:** the same two values give the same patch, in the same order
//! (keys sorted), so every view of one record agrees. **Bounds:** [`MAX_CHANGES`] paths, [`VALUE_BYTES`] bytes
//! for each path and value; what is over is cut and `truncated` says so, never dropped in silence.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Paths kept of one event.
pub const MAX_CHANGES: usize = 256;
/// Bytes kept of one value (cut at a character).
pub const VALUE_BYTES: usize = 512;

/// One leaf that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where.
    pub path: String,
    /// The value before: text as it is, everything else as JSON. None where the path was not there.
    pub was: Option<String>,
    /// The value after.
    pub now: Option<String>,
}

/// All leaves that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// In the order of their paths.
    pub changes: Vec<Change>,
    /// Something was over a bound and cut.
    pub truncated: bool,
}

impl Patch {
    /// Compares the two states. An absent state is JSON null: then every leaf of the other one is a change.
    pub fn between(before: &Value, after: &Value) -> Self {
        let mut patch = Self::default();
        patch.compare(&mut String::new(), present(before), present(after));
        patch
    }

    /// `path=value` for each value that was there before.
    pub fn was(&self) -> Vec<String> {
        self.pairs(|change| change.was.as_deref())
    }

    /// `path=value` for each value that is there after.
    pub fn now(&self) -> Vec<String> {
        self.pairs(|change| change.now.as_deref())
    }

    /// The paths that differ.
    pub fn changed(&self) -> Vec<String> {
        self.changes.iter().map(|change| change.path.clone()).collect()
    }

    fn pairs<'a>(&'a self, side: impl Fn(&'a Change) -> Option<&'a str>) -> Vec<String> {
        let pair = |change: &'a Change| side(change).map(|value| format!("{}={value}", change.path));
        self.changes.iter().filter_map(pair).collect()
    }

    fn compare(&mut self, path: &mut String, was: Option<&Value>, now: Option<&Value>) {
        if self.truncated && self.changes.len() == MAX_CHANGES || was == now {
            return;
        }
        let steps: BTreeSet<Step> = [was, now].into_iter().flatten().flat_map(steps).collect();
        for step in &steps {
            let length = path.len();
            if length > 0 {
                path.push('.');
            }
            step.write(path);
            self.compare(
                path,
                was.and_then(|value| step.of(value)),
                now.and_then(|value| step.of(value)),
            );
            path.truncate(length);
        }
        let (was, now) = (
            was.filter(|value| is_leaf(value)),
            now.filter(|value| is_leaf(value)),
        );
        if was.is_some() || now.is_some() {
            self.push(path, was, now);
        }
    }

    fn push(&mut self, path: &str, was: Option<&Value>, now: Option<&Value>) {
        if self.changes.len() == MAX_CHANGES {
            self.truncated = true;
            return;
        }
        let path = self.cut(if path.is_empty() { "$".into() } else { path.into() });
        let [was, now] = [was, now].map(|value| value.map(|value| self.cut(leaf_text(value))));
        self.changes.push(Change { path, was, now });
    }

    fn cut(&mut self, mut text: String) -> String {
        self.truncated |= cut_text(&mut text, VALUE_BYTES);
        text
    }
}

/// Cuts a text to so many bytes at a character's edge; true if something went.
pub fn cut_text(text: &mut String, bytes: usize) -> bool {
    let whole = text.len() <= bytes;
    text.truncate(text.floor_char_boundary(bytes));
    !whole
}

/// One step down: a key of an object or an index of a list.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step<'a> {
    Index(usize),
    Key(&'a str),
}

impl Step<'_> {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match (self, value) {
            (Step::Index(index), Value::Array(list)) => list.get(*index),
            (Step::Key(key), Value::Object(map)) => map.get(*key),
            _ => None,
        }
    }

    fn write(&self, path: &mut String) {
        match self {
            Step::Index(index) => path.push_str(&index.to_string()),
            Step::Key(key) => path.push_str(key),
        }
    }
}

fn steps(value: &Value) -> Vec<Step<'_>> {
    match value {
        Value::Array(list) => (0..list.len()).map(Step::Index).collect(),
        Value::Object(map) => map.keys().map(|key| Step::Key(key)).collect(),
        _ => Vec::new(),
    }
}

fn is_leaf(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => true,
    }
}

fn leaf_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// At the root, null means that the sender gave no state.
fn present(state: &Value) -> Option<&Value> {
    (!state.is_null()).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(before: Value, after: Value, was: &[&str], now: &[&str], changed: &[&str]) {
        let patch = Patch::between(&before, &after);
        assert_eq!(patch.was(), was);
        assert_eq!(patch.now(), now);
        assert_eq!(patch.changed(), changed);
        assert!(!patch.truncated);
    }

    #[test]
    fn only_leaves_that_differ_are_in_the_patch() {
        check(
            json!({"status": "draft", "a": {"b": 1, "c": [1, 2]}}),
            json!({"status": "active", "a": {"b": 1, "c": [1, 3]}}),
            &["a.c.1=2", "status=draft"],
            &["a.c.1=3", "status=active"],
            &["a.c.1", "status"],
        );
        check(json!({"x": 1}), json!({"x": 1}), &[], &[], &[]);
    }

    #[test]
    fn what_came_and_went_is_a_change_of_each_leaf() {
        check(
            json!(null),
            json!({"a": {"b": true}, "e": []}),
            &[],
            &["a.b=true", "e=[]"],
            &["a.b", "e"],
        );
        check(
            json!({"a": [1, null]}),
            json!(null),
            &["a.0=1", "a.1=null"],
            &[],
            &["a.0", "a.1"],
        );
        check(
            json!({"a": "x"}),
            json!({"a": {"b": 1}}),
            &["a=x"],
            &["a.b=1"],
            &["a.b", "a"],
        );
        check(json!("x"), json!("y"), &["$=x"], &["$=y"], &["$"]);
    }

    #[test]
    fn bounds_are_told() {
        let many: Vec<u32> = (0..300).collect();
        let patch = Patch::between(&json!(null), &json!(many));
        assert_eq!((patch.changes.len(), patch.truncated), (MAX_CHANGES, true));
        let patch = Patch::between(&json!({"t": "é".repeat(400)}), &json!(null));
        assert_eq!(patch.changes[0].was.as_ref().map(String::len), Some(VALUE_BYTES));
        assert!(patch.truncated);
        let exact: Vec<u32> = (0..256).collect();
        assert!(!Patch::between(&json!(null), &json!(exact)).truncated);
    }
}
