//! What became of the last calls with each key: what somebody who sets up a page or a service needs to see.
//!
//! Bounded: for each key that there is, and once for all that aren't known, the last call that was kept and the last that
//! was refused. Told by whoever takes calls in; forgotten with the process. Times are given, so there is no clock here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hindsight_schemas::ids::SessionId;
use hindsight_schemas::problem::{Language, Refusal, Words};
use hindsight_schemas::reason::Reason;

use crate::key::KeySet;

/// Longest origin and detail that is remembered.
const MOST_CHARS: usize = 400;

/// The last calls with each key.
#[derive(Debug)]
pub struct KeyActivity {
    by_key: HashMap<String, Mutex<LastCalls>>,
    unknown: Mutex<LastCalls>,
}

/// The last calls with one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastCalls {
    /// The last that was kept.
    pub accepted: Option<Accepted>,
    /// The last that was not.
    pub refused: Option<Refused>,
}

/// A call that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The page's origin; empty where there was none.
    pub origin: String,
    /// The visit, where it was a recording.
    pub session_id: Option<SessionId>,
}

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The page's origin; empty where there was none.
    pub origin: String,
    /// Why.
    pub reason: Reason,
    /// What exactly.
    pub detail: Words,
}

impl KeyActivity {
    /// Nothing yet, of any key of a set.
    pub fn new(keys: &KeySet) -> Self {
        Self {
            by_key: keys
                .iter()
                .map(|key| (key.id.clone(), Mutex::default()))
                .collect(),
            unknown: Mutex::default(),
        }
    }

    /// A call with a key was kept.
    pub fn accepted(&self, key: &str, at_ms: i64, origin: &str, session_id: Option<SessionId>) {
        let mut calls = lock(self.slot(Some(key)));
        let origin = match calls.accepted.take() {
            // The usual case, on the way of every batch: nothing is copied.
            Some(last) if last.origin == origin => last.origin,
            _ => cut(origin),
        };
        calls.accepted = Some(Accepted {
            at_ms,
            origin,
            session_id,
        });
    }

    /// A call was refused; without a key that is known it counts among those.
    pub fn refused(&self, key: Option<&str>, at_ms: i64, origin: &str, refusal: &Refusal) {
        let told = |language| cut(refusal.detail(language));
        lock(self.slot(key)).refused = Some(Refused {
            at_ms,
            origin: cut(origin),
            reason: refusal.reason(),
            detail: Words::new(told(Language::En), told(Language::Zh)),
        });
    }

    /// The last calls with a key.
    pub fn of(&self, key: &str) -> LastCalls {
        lock(self.slot(Some(key))).clone()
    }

    /// The last calls without a key that is known.
    pub fn unknown(&self) -> LastCalls {
        lock(&self.unknown).clone()
    }

    fn slot(&self, key: Option<&str>) -> &Mutex<LastCalls> {
        key.and_then(|key| self.by_key.get(key)).unwrap_or(&self.unknown)
    }
}

fn lock(slot: &Mutex<LastCalls>) -> MutexGuard<'_, LastCalls> {
    // Each change is one assignment: a panic between two leaves a whole record.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, SecretHash};
    use hindsight_schemas::record::KeyKind;

    fn activity() -> KeyActivity {
        let key = Key {
            id: "browser".into(),
            secret: SecretHash::of("one"),
            kind: KeyKind::Browser,
            project: "shop".parse().unwrap(),
            origins: vec![],
            import: false,
        };
        KeyActivity::new(&KeySet::new(vec![key]).unwrap())
    }

    #[test]
    fn the_last_call_of_each_kind_is_remembered() {
        let activity = activity();
        assert_eq!(activity.of("browser"), LastCalls::default());
        let refusal = Refusal::new(Reason::WrongOrigin, "not here", "不允许");
        activity.refused(Some("browser"), 1, "https://a.example", &refusal);
        activity.accepted("browser", 2, "https://b.example", None);
        activity.accepted("browser", 3, "https://b.example", None);
        let calls = activity.of("browser");
        assert_eq!(calls.accepted.unwrap().at_ms, 3);
        let refused = calls.refused.unwrap();
        assert_eq!((refused.at_ms, refused.reason), (1, Reason::WrongOrigin));
        assert_eq!(refused.detail, Words::new("not here", "不允许"));
    }

    #[test]
    fn unknown_keys_share_one_place() {
        let activity = activity();
        let refusal = Refusal::plain(Reason::UnknownKey);
        activity.refused(None, 1, &"x".repeat(10_000), &refusal);
        activity.refused(Some("gone"), 2, "", &refusal);
        assert_eq!(activity.unknown().refused.unwrap().at_ms, 2);
        assert_eq!(activity.of("browser"), LastCalls::default());
    }
}
