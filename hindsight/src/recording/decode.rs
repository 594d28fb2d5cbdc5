//! From a text to its events, whatever the form: JSON lines, an array, `{"events": [...]}`, `[windowId, event]`
//! lines, PostHog exports, packed events. The forms may be nested in each other; nothing needs to be named.
//!
//! **Bound:** [`MAX_DEPTH`] wrappers around an event.

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Event, Tab, packed};

/// Wrappers around an event: file, export, snapshots, window, pair.
const MAX_DEPTH: usize = 8;

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

/// The tabs of a text, in the order of their first event. An error says which event (from 0) it is about.
pub(crate) fn tabs(bytes: &[u8]) -> anyhow::Result<Vec<Tab>> {
    let text =
        std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).context("not UTF-8")?;
    let mut collected = Collected::default();
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        let value = value.context("not JSON, nor JSON lines")?;
        collected.take(value.get(), "", 0)?;
    }
    Ok(collected.tabs)
}

#[derive(Default)]
struct Collected {
    tabs: Vec<Tab>,
    events: usize,
}

impl Collected {
    fn take(&mut self, text: &str, window: &str, depth: usize) -> anyhow::Result<()> {
        if depth > MAX_DEPTH {
            bail!("events are wrapped more than {MAX_DEPTH} times");
        }
        match text.as_bytes().first() {
            Some(b'{') => self.take_object(text, window, depth),
            Some(b'[') => self.take_array(text, window, depth),
            Some(b'"') => self.take_string(text, window, depth),
            _ => bail!("event {}: {:.40} is no event", self.events, text),
        }
    }

    fn take_string(&mut self, text: &str, window: &str, depth: usize) -> anyhow::Result<()> {
        let inner: String = serde_json::from_str(text)?;
        if packed::is_rrweb_packed(&inner) {
            let event = packed::unpack_rrweb(&inner).with_context(|| format!("event {}", self.events))?;
            return self.take_object(&event, window, depth + 1);
        }
        // PostHog's older files carry the JSON of the events as a string.
        if inner.starts_with(['{', '[']) {
            return self.take(&inner, window, depth + 1);
        }
        bail!("event {}: a string that is no packed event", self.events)
    }

    fn take_array(&mut self, text: &str, window: &str, depth: usize) -> anyhow::Result<()> {
        let items: Vec<&RawValue> = serde_json::from_str(text)?;
        if let [first, second] = items[..]
            && let Some(its_window) = window_of_pair(first, second)
        {
            return self.take(second.get(), &its_window, depth + 1);
        }
        for item in items {
            self.take(item.get(), window, depth + 1)?;
        }
        Ok(())
    }

    fn take_object(&mut self, text: &str, window: &str, depth: usize) -> anyhow::Result<()> {
        let probe: Probe<'_> = serde_json::from_str(text)
            .with_context(|| format!("event {} is not a JSON object as expected", self.events))?;
        let own_window = probe.window_id.map(window_text).unwrap_or_default();
        let window = if own_window.is_empty() {
            window
        } else {
            &own_window
        };
        if let Some(kind) = probe.kind.and_then(|kind| kind.get().parse::<u8>().ok()) {
            if probe.cv.is_some() {
                let event = packed::unpack_posthog(text).with_context(|| format!("event {}", self.events))?;
                return self.take_object(&event, window, depth + 1);
            }
            return self.push(text, kind, probe.timestamp, window);
        }
        let inside = probe.events.or(probe.snapshots).or(probe.data);
        match inside {
            Some(inside) => self.take(inside.get(), window, depth + 1),
            None => bail!(
                "event {}: neither an rrweb event (no \"type\") nor a list of events",
                self.events
            ),
        }
    }

    fn push(&mut self, text: &str, kind: u8, at: Option<&RawValue>, window: &str) -> anyhow::Result<()> {
        let Some(at_ms) = at.and_then(|at| milliseconds(at.get())) else {
            bail!("event {}: no \"timestamp\" in milliseconds", self.events);
        };
        let text = RawValue::from_string(on_one_line(text))?;
        let place = self
            .tabs
            .iter()
            .position(|tab| tab.window == window)
            .unwrap_or_else(|| {
                self.tabs.push(Tab {
                    window: window.into(),
                    events: Vec::new(),
                });
                self.tabs.len() - 1
            });
        self.tabs[place].events.push(Event { kind, at_ms, text });
        self.events += 1;
        Ok(())
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

/// A raw line break can only be white space between tokens (in strings JSON escapes it), so taking it out
/// changes no value.
fn on_one_line(text: &str) -> String {
    if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], "")
    } else {
        text.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const META: &str =
        r#"{"type":4,"data":{"href":"http://a/","width":1,"height":1},"timestamp":1700000000000}"#;
    const FULL: &str = r#"{"type":2, "data":{"node":{"id":1}},"timestamp":1700000000001}"#;

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

    /// Every form of the same two events must give their exact texts, in the expected windows.
    fn check(file: &str, windows: &[&str]) {
        let tabs = tabs(file.as_bytes()).unwrap();
        let found: Vec<&str> = tabs.iter().map(|tab| tab.window.as_str()).collect();
        assert_eq!(found, windows, "{file}");
        let texts: Vec<&str> = tabs
            .iter()
            .flat_map(|tab| &tab.events)
            .map(|event| event.text.get())
            .collect();
        assert_eq!(texts, [META, FULL], "{file}");
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
        let pretty = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let file = format!("[{}, {}]", rrweb_pack(META), rrweb_pack(FULL));
        let unpacked = tabs(file.as_bytes()).unwrap();
        assert_eq!(pretty(unpacked[0].events[0].text.get()), pretty(META));
        assert_eq!(pretty(unpacked[0].events[1].text.get()), pretty(FULL));
    }

    #[test]
    fn a_posthog_export_is_inflated() {
        let export = serde_json::json!({"version": "2023-04-28", "data": {"id": "s", "snapshots": [
            {"windowId": "w", "type": 2, "cv": "2024-10", "timestamp": 5, "data": gzip_string(r#"{"node":{"id":1}}"#)},
            {"windowId": "w", "type": 3, "cv": "2024-10", "timestamp": 6,
             "data": {"source": 0, "adds": gzip_string("[1]"), "texts": gzip_string("[]"), "isAttachIframe": true}},
        ]}});
        let unpacked = tabs(export.to_string().as_bytes()).unwrap();
        assert_eq!(unpacked[0].window, "w");
        let event: serde_json::Value = serde_json::from_str(unpacked[0].events[0].text.get()).unwrap();
        assert_eq!(event["data"]["node"]["id"], 1);
        assert!(event.get("cv").is_none());
        let event: serde_json::Value = serde_json::from_str(unpacked[0].events[1].text.get()).unwrap();
        assert_eq!(event["data"]["adds"], serde_json::json!([1]));
    }

    #[test]
    fn a_pretty_printed_event_becomes_one_line() {
        let pretty = "[\n {\n  \"type\": 4,\n  \"timestamp\": 7,\n  \"data\": {\"t\": \"a\\nb\"}\n }\n]";
        let text = tabs(pretty.as_bytes()).unwrap()[0].events[0]
            .text
            .get()
            .to_string();
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
        ] {
            let error = format!("{:#}", tabs(file.as_bytes()).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
