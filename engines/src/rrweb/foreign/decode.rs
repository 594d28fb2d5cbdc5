//! From a text to its events. The forms may be nested in each other; nothing needs to be named.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::members::items;
use super::{EventFault, ForeignError, KeptEvent, MAX_DEPTH, Room, Tab, packed};

/// An event as it is found.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// What the text calls its window, or empty.
    pub window: &'a str,
    /// The rrweb type.
    pub kind: u8,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Its JSON text, on one line.
    pub text: &'a str,
}

/// What tells an object's role. Borrowed, so an event's own text is never copied to look at it.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    #[serde(borrow)]
    snapshots: Option<&'a RawValue>,
    #[serde(alias = "windowId", borrow)]
    window_id: Option<&'a RawValue>,
    #[serde(borrow)]
    cv: Option<&'a RawValue>,
}

/// Two values, and no more.
#[derive(Deserialize)]
struct Pair<'a>(#[serde(borrow)] &'a RawValue, #[serde(borrow)] &'a RawValue);

/// Hands each event of a text to `visit`, in order, and says how many there were. What was visited before an error
/// is the beginning of a text that can't be read as a whole.
pub fn events(
    bytes: &[u8],
    room: &mut Room<'_>,
    visit: &mut dyn FnMut(Event<'_>),
) -> Result<usize, ForeignError> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
        .map_err(ForeignError::NotUtf8)?;
    let mut walk = Walk {
        room,
        visit,
        events: 0,
    };
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        walk.take(value.map_err(ForeignError::NotJson)?.get(), "", 0)?;
    }
    Ok(walk.events)
}

/// The windows of a text, in the order of their first event.
pub fn tabs(bytes: &[u8], room: &mut Room<'_>) -> Result<Vec<Tab>, ForeignError> {
    let mut tabs: Vec<Tab> = Vec::new();
    events(bytes, room, &mut |event| {
        let place = tabs.iter().position(|tab| tab.window == event.window);
        let place = place.unwrap_or_else(|| {
            tabs.push(Tab {
                window: event.window.into(),
                events: Vec::new(),
            });
            tabs.len() - 1
        });
        let text = RawValue::from_string(event.text.into()).expect("it was read as JSON");
        tabs[place].events.push(KeptEvent {
            kind: event.kind,
            at_ms: event.at_ms,
            text,
        });
    })?;
    Ok(tabs)
}

struct Walk<'w, 'r> {
    room: &'w mut Room<'r>,
    visit: &'w mut dyn FnMut(Event<'_>),
    events: usize,
}

impl Walk<'_, '_> {
    fn take(&mut self, text: &str, window: &str, depth: usize) -> Result<(), ForeignError> {
        if depth > MAX_DEPTH {
            return Err(ForeignError::TooDeep);
        }
        match text.as_bytes().first() {
            Some(b'{') => self.take_object(text, window, depth),
            Some(b'[') => self.take_array(text, window, depth),
            Some(b'"') => self.take_string(text, window, depth),
            _ => Err(self.fault(EventFault::NotAnEvent(format!("{text:.40}")))),
        }
    }

    fn take_string(&mut self, text: &str, window: &str, depth: usize) -> Result<(), ForeignError> {
        if !(self.room)(text.len()) {
            return Err(self.fault(packed::PackedError::NoRoom.into()));
        }
        let inner: String = serde_json::from_str(text).map_err(|error| self.odd(&error))?;
        if packed::is_rrweb_packed(&inner) {
            let event = packed::unpack_rrweb(&inner, self.room).map_err(|error| self.fault(error.into()))?;
            return self.take_object(&event, window, depth + 1);
        }
        // PostHog's older files carry the JSON of the events as a string.
        if inner.starts_with(['{', '[']) {
            return self.take(&inner, window, depth + 1);
        }
        Err(self.fault(EventFault::NotAnEvent("a string that is not packed".into())))
    }

    fn take_array(&mut self, text: &str, window: &str, depth: usize) -> Result<(), ForeignError> {
        if let Ok(Pair(first, second)) = serde_json::from_str(text)
            && let Some(its_window) = window_of_pair(first, second)
        {
            return self.take(second.get(), &its_window, depth + 1);
        }
        let mut fault = None;
        let read = items(text, &mut |item| {
            let taken = self.take(item.get(), window, depth + 1);
            fault = taken.err();
            fault.is_none()
        });
        match fault {
            Some(fault) => Err(fault),
            None => read.map_err(|error| self.odd(&error)),
        }
    }

    fn take_object(&mut self, text: &str, window: &str, depth: usize) -> Result<(), ForeignError> {
        let probe: Probe<'_> = serde_json::from_str(text).map_err(|error| self.odd(&error))?;
        let own_window = probe.window_id.map(window_text).unwrap_or_default();
        let window = if own_window.is_empty() {
            window
        } else {
            &own_window
        };
        if let Some(kind) = probe.kind.and_then(|kind| kind.get().parse::<u8>().ok()) {
            if probe.cv.is_some() {
                let event =
                    packed::unpack_posthog(text, self.room).map_err(|error| self.fault(error.into()))?;
                return self.push(&event, kind, probe.timestamp, window);
            }
            return self.push(text, kind, probe.timestamp, window);
        }
        match probe.events.or(probe.snapshots).or(probe.data) {
            Some(inside) => self.take(inside.get(), window, depth + 1),
            None => Err(self.fault(EventFault::NoType)),
        }
    }

    fn push(
        &mut self,
        text: &str,
        kind: u8,
        at: Option<&RawValue>,
        window: &str,
    ) -> Result<(), ForeignError> {
        let Some(at_ms) = at.and_then(|at| milliseconds(at.get())) else {
            return Err(self.fault(EventFault::NoTime));
        };
        let on_one_line;
        let text = if text.contains(['\n', '\r']) {
            // A raw line break can only be white space between tokens (in strings JSON escapes it), so taking it out
            // changes no value.
            on_one_line = text.replace(['\n', '\r'], "");
            &on_one_line
        } else {
            text
        };
        (self.visit)(Event {
            window,
            kind,
            at_ms,
            text,
        });
        self.events += 1;
        Ok(())
    }

    fn fault(&self, fault: EventFault) -> ForeignError {
        ForeignError::Event {
            index: self.events,
            fault,
        }
    }

    fn odd(&self, error: &serde_json::Error) -> ForeignError {
        self.fault(EventFault::NotAnObject(error.to_string()))
    }
}

/// `["window", {event}]`, but not a list of two packed events.
fn window_of_pair(first: &RawValue, second: &RawValue) -> Option<String> {
    let is_event = matches!(second.get().as_bytes().first(), Some(b'{' | b'"'));
    let window = window_text(first);
    let is_name =
        first.get().starts_with('"') && !packed::is_rrweb_packed(&window) && !window.starts_with(['{', '[']);
    (is_event && is_name).then_some(window)
}

fn window_text(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// Recorders send whole or (rarely) fractional milliseconds.
fn milliseconds(text: &str) -> Option<i64> {
    let whole = text.parse::<i64>().ok();
    #[allow(clippy::cast_possible_truncation, reason = "a float cast saturates")]
    whole.or_else(|| {
        text.parse::<f64>()
            .ok()
            .filter(|at| at.is_finite())
            .map(|at| at as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const META: &str =
        r#"{"type":4,"data":{"href":"http://a/","width":1,"height":1},"timestamp":1700000000000}"#;
    const FULL: &str = r#"{"type":2, "data":{"node":{"id":1}},"timestamp":1700000000001}"#;

    fn read(text: &str) -> Result<Vec<Tab>, ForeignError> {
        tabs(text.as_bytes(), &mut |_| true)
    }

    fn latin1(bytes: &[u8]) -> String {
        bytes.iter().copied().map(char::from).collect()
    }

    fn gzip_string(text: &str) -> serde_json::Value {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        latin1(&gzip.finish().unwrap()).into()
    }

    fn rrweb_pack(event: &str) -> String {
        let marked = format!("{},\"v\":\"v1\"}}", event.strip_suffix('}').unwrap());
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(marked.as_bytes()).unwrap();
        serde_json::Value::from(latin1(&zlib.finish().unwrap())).to_string()
    }

    fn texts(tabs: &[Tab]) -> Vec<&str> {
        let events = tabs.iter().flat_map(|tab| &tab.events);
        events.map(|event| event.text.get()).collect()
    }

    /// Every form of the same two events must give their exact texts, in the expected windows.
    fn check(file: &str, windows: &[&str]) {
        let tabs = read(file).unwrap();
        let found: Vec<&str> = tabs.iter().map(|tab| tab.window.as_str()).collect();
        assert_eq!(found, windows, "{file}");
        assert_eq!(texts(&tabs), [META, FULL], "{file}");
    }

    #[test]
    fn plain_forms_keep_the_text() {
        check(&format!("{META}\n{FULL}\n"), &[""]);
        check(&format!("\u{feff}[{META},\n {FULL}]"), &[""]);
        check(&format!("{{\"events\": [{META}, {FULL}]}}"), &[""]);
        check(&format!("[\"w1\", {META}]\n[\"w2\", {FULL}]\n"), &["w1", "w2"]);
        check(
            &format!("{{\"window_id\":\"w1\",\"data\":[{META},{FULL}]}}\n"),
            &["w1"],
        );
        let blob = serde_json::json!({"distinct_id": "u", "data": format!("{{\"window_id\":\"w\",\"data\":[{META},{FULL}]}}")});
        check(&blob.to_string(), &["w"]);
    }

    #[test]
    fn packed_forms_are_unpacked() {
        let file = format!("[{}, {}]", rrweb_pack(META), rrweb_pack(FULL));
        let unpacked = read(&file).unwrap();
        assert_eq!(texts(&unpacked), [META, &FULL.replace(", ", ",")]);
    }

    #[test]
    fn a_posthog_export_is_inflated_in_place() {
        let full = serde_json::json!({"windowId": "w", "type": 2, "cv": "2024-10", "timestamp": 5,
            "data": gzip_string(r#"{"node":{"id":1.0}}"#)});
        let changes = serde_json::json!({"windowId": "w", "type": 3, "cv": "2024-10", "timestamp": 6,
            "data": {"source": 0, "adds": gzip_string("[1]"), "texts": gzip_string("[]"), "isAttachIframe": true}});
        let export =
            format!(r#"{{"version":"2023-04-28","data":{{"id":"s","snapshots":[{full},{changes}]}}}}"#);
        let unpacked = read(&export).unwrap();
        assert_eq!(unpacked[0].window, "w");
        let found = texts(&unpacked);
        assert!(found[0].contains(r#""data":{"node":{"id":1.0}}"#), "{}", found[0]);
        assert!(
            found[1].contains(r#""adds":[1]"#) && found[1].contains(r#""isAttachIframe":true"#),
            "{}",
            found[1]
        );
        assert!(!found.concat().contains("cv"));
    }

    #[test]
    fn a_bomb_ends_where_the_room_does() {
        let bomb = serde_json::json!({"type": 2, "cv": "2024-10", "timestamp": 5,
            "data": gzip_string(&format!("\"{}\"", "a".repeat(1 << 20)))});
        let mut made = 0;
        let refused = tabs(bomb.to_string().as_bytes(), &mut |bytes| {
            made += bytes;
            made < 100_000
        });
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("room") && made < 300_000, "{error} after {made}");
    }

    #[test]
    fn a_pretty_printed_event_becomes_one_line() {
        let pretty = "[\n {\n  \"type\": 4,\n  \"timestamp\": 7,\n  \"data\": {\"t\": \"a\\nb\"}\n }\n]";
        let tabs = read(pretty).unwrap();
        let text = texts(&tabs)[0];
        assert!(!text.contains('\n'));
        assert!(text.contains(r#""a\nb""#));
    }

    #[test]
    fn errors_say_which_event() {
        for (file, expected) in [
            (format!("{META}\n{{\"type\":3}}\n"), "event 1: no \"timestamp\""),
            (format!("[{META}, 5]"), "event 1: 5 is no event"),
            ("{\"a\":1}".into(), "event 0: neither"),
            ("hello".into(), "not JSON"),
            (
                r#"{"type":2,"timestamp":1,"cv":"2031","data":""}"#.into(),
                "unknown version: \"2031\"",
            ),
            (
                r#"{"type":2,"timestamp":1,"cv":"2024-10","data":"x"}"#.into(),
                "can't be unpacked",
            ),
            ("[".repeat(12) + &"]".repeat(12), "more than 8 times"),
        ] {
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
