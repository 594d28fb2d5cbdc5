//! One rrweb event to one fact (shapes: rrweb 2, `@rrweb/types`).

use std::borrow::Cow;

use hindsight_engines::rrweb::{EventHead, EventKind, small};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::mended::mended;
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

const SOURCE_MOUSE_INTERACTION: u8 = 2;
const SOURCE_INPUT: u8 = 5;
const INTERACTION_CLICK: u8 = 2;

#[derive(Deserialize)]
struct Envelope<'a> {
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
struct Incremental<'a> {
    #[serde(borrow, rename = "type", default)]
    interaction: Option<&'a RawValue>,
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
///
/// The edge accepts by JSON's grammar, which allows what no typed reader takes (half a surrogate pair, a number beyond
/// any double): such a text is read once more, [`mended`].
pub fn fact(text: &[u8], head: &EventHead<'_>) -> Option<Fact> {
    let text = std::str::from_utf8(text).ok()?;
    read(text, head)
        .or_else(|_| read(&mended(text), head))
        .ok()
        .flatten()
}

fn read(text: &str, head: &EventHead<'_>) -> serde_json::Result<Option<Fact>> {
    let envelope: Envelope<'_> = serde_json::from_str(text)?;
    let Some(data) = envelope.data.map(RawValue::get) else {
        return Ok(None);
    };
    match head.kind {
        EventKind::Incremental => incremental(head, data),
        EventKind::Meta => page(head.timestamp_ms, data).map(Some),
        EventKind::Custom => custom::fact(head.timestamp_ms, data).map(Some),
        EventKind::Plugin => plugin(head.timestamp_ms, data),
        _ => Ok(None),
    }
}

fn page(at_ms: i64, data: &str) -> serde_json::Result<Fact> {
    let meta: Meta<'_> = serde_json::from_str(data)?;
    let mut fact = Fact::new(Kind::Page, at_ms);
    fact.url = bounded(&meta.href, TEXT_BYTES).to_owned();
    fact.x = meta.width as i32;
    fact.y = meta.height as i32;
    Ok(fact)
}

fn incremental(head: &EventHead<'_>, data: &str) -> serde_json::Result<Option<Fact>> {
    let data: Incremental<'_> = serde_json::from_str(data)?;
    let interaction = data.interaction.and_then(|number| small(number.get().as_bytes()));
    let mut fact = match (head.source, interaction) {
        (Some(SOURCE_MOUSE_INTERACTION), Some(INTERACTION_CLICK)) => {
            Fact::new(Kind::Click, head.timestamp_ms)
        }
        // What was typed stays out of the tables: it is in the recording, masked as the page asked.
        (Some(SOURCE_INPUT), _) => Fact::new(Kind::Input, head.timestamp_ms),
        _ => return Ok(None),
    };
    fact.x = data.x.unwrap_or_default() as i32;
    fact.y = data.y.unwrap_or_default() as i32;
    Ok(Some(fact))
}

/// rrweb's own console plugin says what `hindsight.console` says.
fn plugin(at_ms: i64, data: &str) -> serde_json::Result<Option<Fact>> {
    let plugin: Plugin<'_> = serde_json::from_str(data)?;
    let (true, Some(payload)) = (plugin.plugin.starts_with("rrweb/console@"), plugin.payload) else {
        return Ok(None);
    };
    let payload: ConsolePayload = serde_json::from_str(payload.get())?;
    let mut fact = Fact::new(Kind::Console, at_ms);
    fact.level = payload.level;
    fact.message = bounded(&payload.payload.join(" "), TEXT_BYTES).to_owned();
    Ok(Some(fact))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Fact> {
        fact(text.as_bytes(), &EventHead::of(text.as_bytes())?)
    }

    fn check(text: &str) -> Option<(Kind, i64, String)> {
        of(text).map(|fact| (fact.kind, fact.at_ms, format!("{}{}", fact.url, fact.message)))
    }

    #[test]
    fn meta_is_a_page_and_a_click_a_click() {
        assert_eq!(
            check(r#"{"type":4,"data":{"href":"https://a/b","width":800,"height":600},"timestamp":17}"#),
            Some((Kind::Page, 17, "https://a/b".into()))
        );
        let click =
            of(r#"{"type":3,"data":{"source":2,"type":2,"id":9,"x":4.6,"y":5},"timestamp":1}"#).unwrap();
        assert_eq!((click.kind, click.x, click.y), (Kind::Click, 4, 5));
        assert_eq!(
            check(r#"{"type":3,"data":{"source":2,"type":5,"id":9},"timestamp":1}"#),
            None
        );
    }

    #[test]
    fn what_only_the_grammar_allows_is_read_all_the_same() {
        let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
        for (text, expected) in [
            (
                r#"{"type":4,"data":{"href":"/\ud800x","width":1e999},"timestamp":17}"#,
                "/\u{fffd}x",
            ),
            (r#"{"type":0.4e1,"data":{"href":"/a"},"timestamp":17.9}"#, "/a"),
            (
                &format!(r#"{{"type":4,"data":{{"href":"/d","deep":{deep}}},"timestamp":17}}"#),
                "/d",
            ),
        ] {
            assert_eq!(check(text), Some((Kind::Page, 17, expected.into())), "{text:.80}");
        }
        let click =
            of(r#"{"type":3,"data":{"source":2,"type":2,"x":1e999,"y":-1e999},"timestamp":1e999}"#).unwrap();
        assert_eq!(
            (click.x, click.y, click.at_ms),
            (i32::MAX, i32::MIN, 8_640_000_000_000_000)
        );
        let reference = format!(
            r#"{{"type":5,"data":{{"tag":"hindsight.reference","payload":{{"type":"order","id":"O-3","screen":{deep},"title":"\udfff"}}}},"timestamp":1}}"#
        );
        let reference = of(&reference).unwrap();
        assert_eq!(
            (reference.name.as_str(), reference.text.as_str()),
            ("order", "O-3")
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
