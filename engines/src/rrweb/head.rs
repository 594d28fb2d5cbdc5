//! The few facts of an event that cutting, seeking and counting need, read from its text without a tree.
//!
//! The usual event is `{"type":3,"data":{"source":1,...},"timestamp":N}`; there the data are not even walked over.
//! Any other order of members is read too, just slower. Not recursive, no allocation.

use std::borrow::Cow;

use memchr::memchr2;

use super::number::{small, time_ms};

/// rrweb's event types (`EventType` in `@rrweb/types`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// 0
    DomContentLoaded,
    /// 1
    Load,
    /// 2: the whole DOM.
    FullSnapshot,
    /// 3
    Incremental,
    /// 4: address and size of the page; with the FullSnapshot that follows it makes a keyframe.
    Meta,
    /// 5
    Custom,
    /// 6
    Plugin,
    /// One that is not known to us.
    Other(u8),
}

impl From<u8> for EventKind {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::DomContentLoaded,
            1 => Self::Load,
            2 => Self::FullSnapshot,
            3 => Self::Incremental,
            4 => Self::Meta,
            5 => Self::Custom,
            6 => Self::Plugin,
            other => Self::Other(other),
        }
    }
}

/// What an event is, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventHead<'a> {
    /// Its type.
    pub kind: EventKind,
    /// The writer's clock, Unix milliseconds, as [`time_ms`] has it.
    pub timestamp_ms: i64,
    /// Of an incremental event: `data.source` (`IncrementalSource` in `@rrweb/types`).
    pub source: Option<u8>,
    /// Of a custom event: the JSON text of `data.tag`, with quotes. Of a Meta event: that of `data.href`.
    name: Option<&'a [u8]>,
}

impl<'a> EventHead<'a> {
    /// Reads the head of an event's text; `None` if it has no type or no timestamp.
    pub fn of(event: &'a [u8]) -> Option<Self> {
        let mut kind = None;
        let mut timestamp_ms = None;
        let mut data: &[u8] = &[];
        let mut members = Members::of(event);
        while let Some((key, value_at)) = members.key() {
            if key == b"data" {
                data = &event[value_at..];
                // Where the text ends with the timestamp nothing else follows the data.
                timestamp_ms = timestamp_ms.or_else(|| trailing_timestamp(event));
                if kind.is_some() && timestamp_ms.is_some() {
                    break;
                }
            }
            let value = members.value()?;
            match key {
                b"type" => kind = small(value).map(EventKind::from),
                b"timestamp" => timestamp_ms = time_ms(value),
                _ => {}
            }
        }
        let (kind, timestamp_ms) = (kind?, timestamp_ms?);
        let wanted: &[u8] = match kind {
            EventKind::Incremental => b"source",
            EventKind::Custom => b"tag",
            EventKind::Meta => b"href",
            _ => {
                return Some(Self {
                    kind,
                    timestamp_ms,
                    source: None,
                    name: None,
                });
            }
        };
        let found = member(data, wanted);
        let source = found.filter(|_| kind == EventKind::Incremental).and_then(small);
        let name = found.filter(|text| text.first() == Some(&b'"'));
        Some(Self {
            kind,
            timestamp_ms,
            source,
            name,
        })
    }

    /// The tag of a custom event.
    pub fn tag(&self) -> Option<Cow<'a, str>> {
        if self.kind == EventKind::Custom {
            self.name.and_then(unquoted)
        } else {
            None
        }
    }

    /// The address that a Meta event tells.
    pub fn href(&self) -> Option<Cow<'a, str>> {
        if self.kind == EventKind::Meta {
            self.name.and_then(unquoted)
        } else {
            None
        }
    }

    /// Whether a person did something: what rrweb's player counts as activity, and touch, media and drag.
    pub fn is_interaction(&self) -> bool {
        matches!(self.source, Some(1..=7 | 12))
    }
}

/// The text of a JSON string, borrowed where it has no escapes.
fn unquoted(text: &[u8]) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(text).ok().map(Cow::Owned)
}

/// `N` of `,"timestamp":N}` at the very end. The quote before the name follows a comma, so it opens a string, and the
/// last bracket is the event's own: the member is the event's, not one of its data.
fn trailing_timestamp(event: &[u8]) -> Option<i64> {
    let digits_and_before = event.strip_suffix(b"}")?;
    let digits = digits_and_before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (before, digits) = digits_and_before.split_at(digits_and_before.len() - digits);
    if before.ends_with(b",\"timestamp\":") {
        time_ms(digits)
    } else {
        None
    }
}

/// The value of a member of an object.
fn member<'a>(object: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut members = Members::of(object);
    while let Some((key, _)) = members.key() {
        let value = members.value()?;
        if key == wanted {
            return Some(value);
        }
    }
    None
}

/// Walks over the members of one object.
struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Members<'a> {
    fn of(object: &'a [u8]) -> Self {
        let start = object
            .iter()
            .position(|byte| *byte == b'{')
            .map_or(object.len(), |brace| brace + 1);
        Self {
            text: object,
            at: start,
        }
    }

    /// The next name and where its value begins.
    fn key(&mut self) -> Option<(&'a [u8], usize)> {
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
        if self.text.get(self.at) != Some(&b'"') {
            return None;
        }
        let start = self.at + 1;
        self.at = after_string(self.text, self.at);
        let key = self.text.get(start..self.at.checked_sub(1)?)?;
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b':');
        Some((key, self.at))
    }

    /// The value after the name; moves behind it.
    fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        self.at = after_value(self.text, start);
        self.text.get(start..self.at).filter(|value| !value.is_empty())
    }

    fn skip(&mut self, passes: impl Fn(u8) -> bool) {
        while self.text.get(self.at).is_some_and(|byte| passes(*byte)) {
            self.at += 1;
        }
    }
}

/// The index behind the string whose quote is at `at`.
fn after_string(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// The index behind the value that begins at `at`.
fn after_value(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = after_string(text, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return at + depth,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(event: &str) -> EventHead<'_> {
        EventHead::of(event.as_bytes()).expect(event)
    }

    #[test]
    fn any_order_of_members_gives_the_same_head() {
        for event in [
            r#"{"type":3,"data":{"source":5,"text":"}"},"timestamp":17}"#,
            r#"{"timestamp":17,"type":3,"data":{"text":"\"source\":9","source":5}}"#,
            r#"{ "data" : { "a" : [{"source":1}], "source" : 5 } , "timestamp" : 17.9 , "delay":3, "type" : 3 }"#,
            r#"{"type":3,"data":{"source":5,"x":{"type":4}},"delay":1,"timestamp":17}"#,
        ] {
            let head = head(event);
            assert_eq!(
                (head.kind, head.source, head.timestamp_ms),
                (EventKind::Incremental, Some(5), 17),
                "{event}"
            );
            assert!(head.is_interaction());
        }
    }

    #[test]
    fn names_are_read_with_their_escapes() {
        assert_eq!(
            head(r#"{"type":5,"data":{"tag":"a\u0062","payload":1},"timestamp":1}"#)
                .tag()
                .unwrap(),
            "ab"
        );
        assert_eq!(
            head(r#"{"type":4,"data":{"href":"http:\/\/x","width":1},"timestamp":1}"#)
                .href()
                .unwrap(),
            "http://x"
        );
        assert_eq!(head(r#"{"type":5,"data":{"tag":7},"timestamp":1e3}"#).tag(), None);
    }

    #[test]
    fn what_is_no_event_has_no_head() {
        for text in [
            "",
            "{",
            "{}",
            "[]",
            r#"{"type":3}"#,
            r#"{"timestamp":1}"#,
            r#"{"type":"#,
            r#"{"type":3,"data":{"source"#,
            "\"\\",
        ] {
            assert_eq!(EventHead::of(text.as_bytes()), None, "{text}");
        }
    }
}
