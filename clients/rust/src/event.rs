//! What the application says of one operation, and the line that is sent of it: one JSON object in the contract's names,
//! within the edge's limits. What the edge would refuse is cut here instead: an event that says less is worth more than
//! one that is refused.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::context::RequestContext;
use crate::state::{StateWriter, tree};

const NAME_CHARS: usize = 256;
const SOURCE_ID_CHARS: usize = 128;
const TEXT_CHARS: usize = 16_384;
const LIST_ITEMS: usize = 1_000;
const STATES: [&str; 5] = ["request", "response", "before", "after", "extra"];
/// A state that is shorter isn't worth leaving out.
const LEAST_LEFT_OUT: usize = 64;

/// One audit event. States are read when they are given, so what they were read from may change afterwards.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    pub(crate) id: String,
    pub(crate) occurred_at: Timestamp,
    pub(crate) strict: Option<bool>,
    failure: Option<String>,
    facts: Map<String, Value>,
    states: Map<String, Value>,
    visit: RequestContext,
}

impl AuditEvent {
    /// An operation by the application's own name, now: `order.refund`, 下单.
    pub fn new(action: impl Into<String>) -> Self {
        let mut facts = Map::new();
        facts.insert("action".into(), cut(&action.into(), NAME_CHARS));
        Self {
            id: uuid::Uuid::now_v7().to_string(),
            occurred_at: Timestamp::now(),
            strict: None,
            failure: None,
            facts,
            states: Map::new(),
            visit: RequestContext::current(),
        }
    }

    /// The event's id: a UUIDv7, or an own id up to 128 characters.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into().chars().take(SOURCE_ID_CHARS).collect();
        self
    }

    /// When it happened, where it isn't now. A time beyond the years that there are is now.
    #[must_use]
    pub fn occurred_at(mut self, at: SystemTime) -> Self {
        self.occurred_at = Timestamp::try_from(at).unwrap_or(self.occurred_at);
        self
    }

    /// create, read, update, delete, login, export, approve or other; else guessed from the action by the edge.
    #[must_use]
    pub fn operation(self, kind: &str) -> Self {
        self.fact("operation", cut(kind, NAME_CHARS))
    }

    /// The person who did it.
    #[must_use]
    pub fn user(self, id: impl AsRef<str>) -> Self {
        self.actor("user", id, "", &[])
    }

    /// Who or what did it.
    #[must_use]
    pub fn actor(self, kind: &str, id: impl AsRef<str>, name: &str, roles: &[&str]) -> Self {
        let mut actor = Map::new();
        for (member, text) in [("type", kind), ("id", id.as_ref()), ("name", name)] {
            if !text.is_empty() {
                actor.insert(member.into(), cut(text, NAME_CHARS));
            }
        }
        if !roles.is_empty() {
            let roles = roles.iter().take(LIST_ITEMS).map(|role| cut(role, NAME_CHARS));
            actor.insert("roles".into(), roles.collect());
        }
        self.fact("actor", Value::Object(actor))
    }

    /// What was acted on; may be said several times.
    #[must_use]
    pub fn target(self, kind: &str, id: impl ToString) -> Self {
        self.pair("targets", kind, &id.to_string())
    }

    /// A business id that belongs to it; may be said several times. One that lacks a part is left out.
    #[must_use]
    pub fn reference(self, kind: &str, id: impl ToString) -> Self {
        let id = id.to_string();
        if kind.is_empty() || id.is_empty() {
            return self;
        }
        self.pair("references", kind, &id)
    }

    /// It failed, and why.
    #[must_use]
    pub fn error(mut self, why: impl Into<String>) -> Self {
        self.failure = Some(why.into());
        self
    }

    /// The parameters.
    #[must_use]
    pub fn request(self, parameters: impl Serialize) -> Self {
        self.state("request", parameters)
    }

    /// The result.
    #[must_use]
    pub fn response(self, result: impl Serialize) -> Self {
        self.state("response", result)
    }

    /// The state before.
    #[must_use]
    pub fn before(self, state: impl Serialize) -> Self {
        self.state("before", state)
    }

    /// The state after.
    #[must_use]
    pub fn after(self, state: impl Serialize) -> Self {
        self.state("after", state)
    }

    /// A number to sum and compare: an amount, a count. What is no finite number is left out.
    #[must_use]
    pub fn measure(mut self, name: &str, value: f64) -> Self {
        if value.is_finite() && value.abs() <= (1_u64 << 53) as f64 {
            let measures = self.facts.entry("measures").or_insert_with(|| json!({}));
            measures[name] = value.into();
        }
        self
    }

    /// From where, where the request doesn't say it.
    #[must_use]
    pub fn origin(mut self, ip: Option<&str>, user_agent: Option<&str>, device: Option<&str>) -> Self {
        self.visit.ip = ip.map(str::to_owned).or(self.visit.ip);
        self.visit.user_agent = user_agent.map(str::to_owned).or(self.visit.user_agent);
        match device {
            Some(device) => self.fact("device", cut(device, TEXT_CHARS)),
            None => self,
        }
    }

    /// During which visit, where the request doesn't say it.
    #[must_use]
    pub fn visit(mut self, session_id: &str, tab: Option<&str>, trace_id: Option<&str>) -> Self {
        self.visit.session_id = Some(session_id.to_owned());
        self.visit.tab = tab.map(str::to_owned);
        self.visit.trace_id = trace_id.map(str::to_owned).or(self.visit.trace_id);
        self
    }

    /// The retention class; else the project's for audit events.
    #[must_use]
    pub fn retention_class(self, name: &str) -> Self {
        self.fact("class", cut(name, NAME_CHARS))
    }

    /// Anything else.
    #[must_use]
    pub fn extra(mut self, name: &str, value: impl Serialize) -> Self {
        let extra = self.states.entry("extra").or_insert_with(|| json!({}));
        extra[name] = tree(value);
        self
    }

    /// Whether this operation is refused when its event can't be kept; else the client's setting.
    #[must_use]
    pub fn strict(mut self, refuses: bool) -> Self {
        self.strict = Some(refuses);
        self
    }

    fn fact(mut self, name: &str, value: Value) -> Self {
        self.facts.insert(name.into(), value);
        self
    }

    fn pair(mut self, list: &str, kind: &str, id: &str) -> Self {
        let items = self.facts.entry(list).or_insert_with(|| json!([]));
        if let Some(items) = items.as_array_mut()
            && items.len() < LIST_ITEMS
        {
            items.push(json!({"type": cut(kind, NAME_CHARS), "id": cut(id, NAME_CHARS)}));
        }
        self
    }

    fn state(mut self, name: &str, value: impl Serialize) -> Self {
        self.states.insert(name.into(), tree(value));
        self
    }

    /// The line, without its line feed.
    pub(crate) fn encode(self, writer: &StateWriter, most_bytes: usize) -> Vec<u8> {
        let mut event = self.facts;
        event.insert("id".into(), self.id.into());
        event.insert("occurred_at".into(), format!("{:.6}", self.occurred_at).into());
        let outcome = if self.failure.is_some() {
            "failure"
        } else {
            "success"
        };
        event.insert("outcome".into(), outcome.into());
        if let Some(error) = self.failure.filter(|error| !error.is_empty()) {
            event.insert("error".into(), cut(&error, TEXT_CHARS));
        }
        surroundings(&mut event, self.visit);
        for (name, state) in self.states {
            if !state.is_null() {
                event.insert(name, writer.write(state));
            }
        }
        let mut line = bytes(&event);
        while line.len() > most_bytes && leave_out_largest(&mut event) {
            line = bytes(&event);
        }
        line
    }
}

fn surroundings(event: &mut Map<String, Value>, visit: RequestContext) {
    let mut origin = Map::new();
    if let Some(device) = event.remove("device") {
        origin.insert("device".into(), device);
    }
    put(&mut origin, "ip", visit.ip, NAME_CHARS);
    put(&mut origin, "user_agent", visit.user_agent, TEXT_CHARS);
    put(event, "session_id", visit.session_id, NAME_CHARS);
    put(event, "tab", visit.tab, NAME_CHARS);
    put(event, "trace_id", visit.trace_id, NAME_CHARS);
    if !origin.is_empty() {
        event.insert("origin".into(), Value::Object(origin));
    }
}

fn put(into: &mut Map<String, Value>, name: &str, text: Option<String>, most_chars: usize) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        into.insert(name.into(), cut(&text, most_chars));
    }
}

/// False where nothing is left to leave out.
fn leave_out_largest(event: &mut Map<String, Value>) -> bool {
    let size = |name: &&str| event.get(*name).map_or(0, |state| bytes(state).len());
    let Some((name, length)) = STATES
        .iter()
        .map(|name| (*name, size(name)))
        .max_by_key(|(_, length)| *length)
    else {
        return false;
    };
    if length <= LEAST_LEFT_OUT {
        return false;
    }
    let words = if name == "extra" {
        json!({"left_out_bytes": length})
    } else {
        format!("[left out: {length} bytes]").into()
    };
    event.insert(name.into(), words);
    true
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a tree of JSON values is JSON")
}

fn cut(text: &str, most_chars: usize) -> Value {
    match text.char_indices().nth(most_chars) {
        Some((end, _)) => text[..end].into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::masking::Masking;
    use crate::vectors::{cases, value};

    fn drafted(said: &Value) -> AuditEvent {
        let text = |name: &str| said[name].as_str().unwrap_or_default();
        let at: Timestamp = text("occurred_at").parse().unwrap();
        let mut event = AuditEvent::new(text("action"))
            .id(text("id"))
            .occurred_at(at.into());
        if let Some(actor) = said["actor"].as_object() {
            let roles: Vec<&str> = actor["roles"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let [kind, id, name] = ["type", "id", "name"].map(|member| actor[member].as_str().unwrap());
            event = event.actor(kind, id, name, &roles);
        }
        for one in said["targets"].as_array().into_iter().flatten() {
            event = event.target(one["type"].as_str().unwrap(), one["id"].as_str().unwrap());
        }
        for one in said["references"].as_array().into_iter().flatten() {
            event = event.reference(one["type"].as_str().unwrap(), one["id"].as_str().unwrap());
        }
        for state in ["request", "response", "before", "after"] {
            if let Some(value) = said.get(state) {
                event = event.state(state, value);
            }
        }
        for (name, amount) in said["measures"].as_object().into_iter().flatten() {
            event = event.measure(name, amount.as_f64().unwrap());
        }
        for (name, value) in said["extra"].as_object().into_iter().flatten() {
            event = event.extra(name, value);
        }
        if said.get("operation").is_some() {
            event = event.operation(text("operation")).retention_class(text("class"));
            event = event.visit(
                text("session_id"),
                said["tab"].as_str(),
                said["trace_id"].as_str(),
            );
            let origin = &said["origin"];
            event = event.origin(
                origin["ip"].as_str(),
                origin["user_agent"].as_str(),
                origin["device"].as_str(),
            );
        }
        match said.get("error") {
            Some(error) => event.error(error.as_str().unwrap()),
            None => event,
        }
    }

    #[test]
    fn events_are_sent_as_the_cases_say() {
        for case in cases("events") {
            // Rust's texts can't hold half a surrogate pair.
            if case["needs"] == "lone surrogates" {
                continue;
            }
            let depth = case["settings"]["state_depth"].as_u64().unwrap_or(32);
            let most = case["settings"]["event_bytes"].as_u64().unwrap_or(1 << 18);
            let writer = StateWriter::new(Masking::new(&[], &[], false), usize::try_from(depth).unwrap());
            let line = drafted(&value(&case["event"])).encode(&writer, usize::try_from(most).unwrap());
            let sent: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(sent, value(&case["expect"]), "{}", case["name"]);
        }
    }
}
