//! One rrweb event to one fact (shapes: rrweb 2, `@rrweb/types`).

use std::borrow::Cow;

use hindsight_engines::rrweb::{EventHead, EventKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{TEXT_BYTES, bounded, custom};

/// The `kind` column of `events` (API.md 'Writing' lists the names).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Page,
    Click,
    ClickTarget,
    Input,
    Start,
    Identify,
    Reference,
    Confirm,
    Track,
    Console,
    Network,
    Error,
    Vital,
    Gap,
    End,
    Custom,
}

impl Kind {
    /// The name in rows, documents and markers.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Page => "page",
            Kind::Click => "click",
            Kind::ClickTarget => "click_target",
            Kind::Input => "input",
            Kind::Start => "start",
            Kind::Identify => "identify",
            Kind::Reference => "reference",
            Kind::Confirm => "confirm",
            Kind::Track => "track",
            Kind::Console => "console",
            Kind::Network => "network",
            Kind::Error => "error",
            Kind::Vital => "vital",
            Kind::Gap => "gap",
            Kind::End => "end",
            Kind::Custom => "custom",
        }
    }
}

/// A meaningful event. Fields that its kind doesn't have are empty or zero, as in the row.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the columns of `events` in API.md")]
pub struct Fact {
    pub kind: Kind,
    pub at_ms: i64,
    pub url: String,
    pub title: String,
    pub selector: String,
    pub text: String,
    pub x: i32,
    pub y: i32,
    pub level: String,
    pub message: String,
    pub method: String,
    pub status: u16,
    pub duration_ms: f64,
    pub name: String,
    pub properties: String,
    pub user_id: String,
    pub user_name: String,
    pub device_id: String,
    pub source: String,
    pub release: String,
    pub screen: String,
}

impl Fact {
    pub(super) fn new(kind: Kind, at_ms: i64) -> Self {
        Self {
            kind,
            at_ms,
            url: String::new(),
            title: String::new(),
            selector: String::new(),
            text: String::new(),
            x: 0,
            y: 0,
            level: String::new(),
            message: String::new(),
            method: String::new(),
            status: 0,
            duration_ms: 0.0,
            name: String::new(),
            properties: String::new(),
            user_id: String::new(),
            user_name: String::new(),
            device_id: String::new(),
            source: String::new(),
            release: String::new(),
            screen: String::new(),
        }
    }
}

/// Console levels that count as errors.
const ERROR_LEVELS: &[&str] = &["error", "assert"];

/// Whether a fact counts as an error of the page.
pub fn is_error(fact: &Fact) -> bool {
    fact.kind == Kind::Error || (fact.kind == Kind::Console && ERROR_LEVELS.contains(&fact.level.as_str()))
}

const INCREMENTAL: u8 = 3;
const META: u8 = 4;
const CUSTOM: u8 = 5;
const PLUGIN: u8 = 6;
const SOURCE_MOUSE_INTERACTION: u8 = 2;
const SOURCE_INPUT: u8 = 5;
const INTERACTION_CLICK: u8 = 2;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: u8,
    timestamp: f64,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, default)]
    href: Cow<'a, str>,
    #[serde(default)]
    width: f64,
    #[serde(default)]
    height: f64,
}

#[derive(Deserialize)]
struct Incremental {
    source: u8,
    #[serde(rename = "type", default)]
    interaction: Option<u8>,
    #[serde(default)]
    x: Option<f64>,
    #[serde(default)]
    y: Option<f64>,
}

#[derive(Deserialize)]
struct Plugin<'a> {
    #[serde(borrow, default)]
    plugin: Cow<'a, str>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ConsolePayload {
    #[serde(default)]
    level: String,
    #[serde(default)]
    payload: Vec<String>,
}

/// Whether an event can make a fact at all, by its head alone; the rest, nearly every byte, is not parsed.
pub fn may_matter(head: &EventHead<'_>) -> bool {
    match head.kind {
        EventKind::Incremental => matches!(head.source, Some(SOURCE_MOUSE_INTERACTION | SOURCE_INPUT)),
        EventKind::Meta | EventKind::Custom | EventKind::Plugin => true,
        _ => false,
    }
}

/// The fact of one event's text, if it is a meaningful one.
pub fn fact(text: &[u8]) -> Option<Fact> {
    let envelope: Envelope<'_> = serde_json::from_slice(text).ok()?;
    let at_ms = envelope.timestamp as i64;
    let data = envelope.data?.get();
    match envelope.kind {
        INCREMENTAL => incremental(at_ms, data),
        META => page(at_ms, data),
        CUSTOM => custom::fact(at_ms, data),
        PLUGIN => plugin(at_ms, data),
        _ => None,
    }
}

fn page(at_ms: i64, data: &str) -> Option<Fact> {
    let meta: Meta<'_> = serde_json::from_str(data).ok()?;
    let mut fact = Fact::new(Kind::Page, at_ms);
    fact.url = bounded(&meta.href, TEXT_BYTES).to_owned();
    fact.x = meta.width as i32;
    fact.y = meta.height as i32;
    Some(fact)
}

fn incremental(at_ms: i64, data: &str) -> Option<Fact> {
    let data: Incremental = serde_json::from_str(data).ok()?;
    let mut fact = match (data.source, data.interaction) {
        (SOURCE_MOUSE_INTERACTION, Some(INTERACTION_CLICK)) => Fact::new(Kind::Click, at_ms),
        // What was typed stays out of the tables: it is in the recording, masked as the page asked.
        (SOURCE_INPUT, _) => Fact::new(Kind::Input, at_ms),
        _ => return None,
    };
    fact.x = data.x.unwrap_or_default() as i32;
    fact.y = data.y.unwrap_or_default() as i32;
    Some(fact)
}

/// rrweb's own console plugin says what `hindsight.console` says.
fn plugin(at_ms: i64, data: &str) -> Option<Fact> {
    let plugin: Plugin<'_> = serde_json::from_str(data).ok()?;
    if !plugin.plugin.starts_with("rrweb/console@") {
        return None;
    }
    let payload: ConsolePayload = serde_json::from_str(plugin.payload?.get()).ok()?;
    let mut fact = Fact::new(Kind::Console, at_ms);
    fact.level = payload.level;
    fact.message = bounded(&payload.payload.join(" "), TEXT_BYTES).to_owned();
    Some(fact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Option<(Kind, i64, String)> {
        fact(text.as_bytes()).map(|fact| (fact.kind, fact.at_ms, format!("{}{}", fact.url, fact.message)))
    }

    #[test]
    fn meta_is_a_page_and_a_click_a_click() {
        assert_eq!(
            check(r#"{"type":4,"data":{"href":"https://a/b","width":800,"height":600},"timestamp":17}"#),
            Some((Kind::Page, 17, "https://a/b".into()))
        );
        let click =
            fact(br#"{"type":3,"data":{"source":2,"type":2,"id":9,"x":4.6,"y":5},"timestamp":1}"#).unwrap();
        assert_eq!((click.kind, click.x, click.y), (Kind::Click, 4, 5));
        assert_eq!(
            check(r#"{"type":3,"data":{"source":2,"type":5,"id":9},"timestamp":1}"#),
            None
        );
    }

    #[test]
    fn an_odd_shape_makes_no_fact() {
        for text in [
            r#"{"type":5,"data":[],"timestamp":1}"#,
            r#"{"type":3,"timestamp":1}"#,
            "[]",
            "",
        ] {
            assert_eq!(check(text), None, "{text}");
        }
    }

    #[test]
    fn the_console_plugin_counts_as_console() {
        let text = r#"{"type":6,"data":{"plugin":"rrweb/console@1","payload":{"level":"error","payload":["\"a\"","b"]}},"timestamp":1}"#;
        assert_eq!(check(text), Some((Kind::Console, 1, "\"a\" b".into())));
    }
}
