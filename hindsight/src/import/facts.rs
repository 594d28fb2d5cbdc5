//! Business facts that the command line adds to recordings: custom events, as the SDK would have sent them.

use std::fmt::Write as _;

use hindsight_schemas::ids::Reference;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::recording::{FULL_SNAPSHOT, KeptEvent, Tab};

/// rrweb's `EventType.Custom`.
const CUSTOM: u8 = 5;

/// What to add.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) references: Vec<Reference>,
    pub(crate) user: Option<String>,
}

impl Facts {
    /// Becomes part of the session's identity: with other facts it is another recording, not a twin in conflict.
    pub(super) fn salt(&self) -> String {
        let mut salt = String::new();
        for reference in &self.references {
            let _ = writeln!(salt, "reference {}:{}", reference.kind, reference.id);
        }
        if let Some(user) = &self.user {
            let _ = writeln!(salt, "user {user}");
        }
        salt
    }

    /// Puts the events behind the first FullSnapshot, so that the recording still begins with its keyframe.
    pub(super) fn splice(&self, tabs: &mut [Tab]) -> serde_json::Result<()> {
        let Some(tab) = tabs.first_mut() else {
            return Ok(());
        };
        let keyframe = tab.events.iter().position(|event| event.kind == FULL_SNAPSHOT);
        let place = keyframe.map_or(0, |index| index + 1);
        let at_ms = tab
            .events
            .get(place.saturating_sub(1))
            .map_or(0, |event| event.at_ms);
        let mut added = Vec::new();
        if let Some(user) = &self.user {
            added.push(custom(at_ms, "hindsight.identify", &json!({ "user_id": user }))?);
        }
        for reference in &self.references {
            added.push(custom(at_ms, "hindsight.reference", &json!(reference))?);
        }
        tab.events.splice(place..place, added);
        Ok(())
    }
}

fn custom(at_ms: i64, tag: &str, payload: &serde_json::Value) -> serde_json::Result<KeptEvent> {
    let event = json!({"type": CUSTOM, "timestamp": at_ms, "data": {"tag": tag, "payload": payload}});
    let text: Box<RawValue> = to_raw_value(&event)?;
    Ok(KeptEvent {
        kind: CUSTOM,
        at_ms,
        text,
    })
}
