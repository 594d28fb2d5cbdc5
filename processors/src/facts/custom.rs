//! Business facts in the recording: rrweb custom events (type 5) whose tag begins with `hindsight.`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::event::{Fact, Kind};
use super::{PROPERTIES_BYTES, TEXT_BYTES, bounded};

#[derive(Deserialize)]
struct Custom<'a> {
    #[serde(borrow)]
    tag: Cow<'a, str>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

/// All that the known payloads carry; each tag has its few.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    release: Cow<'a, str>,
    #[serde(borrow)]
    device_id: Cow<'a, str>,
    #[serde(borrow)]
    screen: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    user_name: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    item: Cow<'a, str>,
    #[serde(borrow)]
    text_sha256: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    #[serde(borrow)]
    selector: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    x: f64,
    y: f64,
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    status: f64,
    duration_ms: f64,
    value: f64,
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

fn kind_of(tag: &str) -> Kind {
    match tag.strip_prefix("hindsight.") {
        Some("start") => Kind::Start,
        Some("identify") => Kind::Identify,
        Some("reference") => Kind::Reference,
        Some("page") => Kind::Page,
        Some("confirm") => Kind::Confirm,
        Some("track") => Kind::Track,
        Some("click") => Kind::ClickTarget,
        Some("console") => Kind::Console,
        Some("network") => Kind::Network,
        Some("error") => Kind::Error,
        Some("vital") => Kind::Vital,
        Some("gap") => Kind::Gap,
        Some("end") => Kind::End,
        _ => Kind::Custom,
    }
}

fn cut(text: &str) -> String {
    bounded(text, TEXT_BYTES).to_owned()
}

/// A small value of some shape; null where it is none, or nested deeper than any of the known ones.
fn small(value: Option<&RawValue>) -> Value {
    value
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

/// A business id may be sent as text or as a number.
fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => cut(&text),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// `1920x1080`, from that text or from {width, height}.
fn screen_of(value: Value) -> String {
    match value {
        Value::Object(screen) => match (screen.get("width"), screen.get("height")) {
            (Some(width), Some(height)) => format!("{width}x{height}"),
            _ => String::new(),
        },
        other => text_of(other),
    }
}

/// The fact of a custom event's `data`.
pub(super) fn fact(at_ms: i64, data: &str) -> serde_json::Result<Fact> {
    let custom: Custom<'_> = serde_json::from_str(data)?;
    let kind = kind_of(&custom.tag);
    let mut fact = Fact::new(kind, at_ms);
    let raw = custom.payload.map_or("", RawValue::get);
    if kind == Kind::Custom {
        fact.name = cut(&custom.tag);
        fact.properties = whole_or_empty(raw);
        return Ok(fact);
    }
    let payload: Payload<'_> = match serde_json::from_str(raw) {
        Err(error) if error.classify() == Category::Syntax => return Err(error),
        // A payload of another shape says nothing, but that it happened.
        read => read.unwrap_or_default(),
    };
    fact.url = cut(&payload.url);
    fact.title = cut(&payload.title);
    fact.selector = cut(&payload.selector);
    fact.text = cut(&payload.text);
    fact.x = payload.x as i32;
    fact.y = payload.y as i32;
    fact.level = cut(&payload.level);
    fact.message = cut(&payload.message);
    fact.method = cut(&payload.method);
    fact.status = payload.status as u16;
    fact.duration_ms = payload.duration_ms;
    fact.user_id = cut(&payload.user_id);
    fact.user_name = cut(&payload.user_name);
    fact.device_id = cut(&payload.device_id);
    fact.source = cut(&payload.source);
    fact.release = cut(&payload.release);
    fact.screen = screen_of(small(payload.screen));
    match kind {
        // The name of a reference is its type, its text the id.
        Kind::Reference => {
            fact.name = cut(&payload.kind);
            fact.text = text_of(small(payload.id));
        }
        Kind::Confirm => {
            fact.name = cut(&payload.item);
            fact.text = cut(&payload.text_sha256);
        }
        Kind::Vital => {
            fact.name = cut(&payload.name);
            fact.duration_ms = payload.value;
        }
        Kind::Gap | Kind::End => {
            fact.name = cut(&payload.reason);
            fact.properties = whole_or_empty(raw);
        }
        // A request's trace is among them: by it an audit event finds its moment.
        Kind::Start | Kind::Network => fact.properties = whole_or_empty(raw),
        _ => {
            fact.name = cut(&payload.name);
            fact.properties = payload
                .properties
                .map_or_else(String::new, |raw| whole_or_empty(raw.get()));
        }
    }
    Ok(fact)
}

/// Half a JSON text is none: properties are kept whole or not at all.
fn whole_or_empty(raw: &str) -> String {
    if raw.len() <= PROPERTIES_BYTES {
        raw.to_owned()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tag: &str, payload: &str) -> Fact {
        fact(1, &format!(r#"{{"tag":"{tag}","payload":{payload}}}"#)).unwrap()
    }

    #[test]
    fn a_reference_has_type_and_id_whatever_the_ids_type() {
        for (payload, id) in [
            (r#"{"type":"order","id":"O-3"}"#, "O-3"),
            (r#"{"type":"order","id":42}"#, "42"),
        ] {
            let fact = of("hindsight.reference", payload);
            assert_eq!(
                (fact.kind, fact.name.as_str(), fact.text.as_str()),
                (Kind::Reference, "order", id)
            );
        }
    }

    #[test]
    fn clicks_of_the_sdk_are_targets_so_that_clicks_count_once() {
        let fact = of(
            "hindsight.click",
            r#"{"selector":"button.pay","text":"支付","x":3,"y":4}"#,
        );
        assert_eq!(
            (fact.kind, fact.selector.as_str(), fact.text.as_str()),
            (Kind::ClickTarget, "button.pay", "支付")
        );
    }

    #[test]
    fn a_request_keeps_its_trace() {
        let payload = r#"{"method":"POST","url":"/pay","status":200,"duration_ms":12,"trace_id":"0af7651916cd43dd8448eb211c80319c"}"#;
        let fact = of("hindsight.network", payload);
        assert_eq!((fact.method.as_str(), fact.status), ("POST", 200));
        assert_eq!(fact.properties, payload);
    }

    #[test]
    fn foreign_tags_keep_tag_and_payload() {
        let fact = of("navigate", r#"{"to":"/x"}"#);
        assert_eq!(
            (fact.kind, fact.name.as_str(), fact.properties.as_str()),
            (Kind::Custom, "navigate", r#"{"to":"/x"}"#)
        );
    }

    #[test]
    fn the_screen_is_read_in_both_forms() {
        assert_eq!(
            of("hindsight.start", r#"{"screen":{"width":800,"height":600}}"#).screen,
            "800x600"
        );
        assert_eq!(of("hindsight.start", r#"{"screen":"800x600"}"#).screen, "800x600");
    }
}
