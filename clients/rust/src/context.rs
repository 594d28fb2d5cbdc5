//! During which recorded visit a request was made, and from where: read from `traceparent` (W3C Trace Context) and
//! `baggage` (W3C Baggage), which the recorder in the page adds.
//!
//! Headers come from anybody: what isn't valid is left out, and a header above 8 KiB isn't read.

/// Longest header that is read.
const MOST_HEADER_BYTES: usize = 8_192;
/// Longest tab.
const TAB_CHARS: usize = 40;

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// Where a request comes from, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// The visit.
    pub session_id: Option<String>,
    /// The document load.
    pub tab: Option<String>,
    /// The trace.
    pub trace_id: Option<String>,
    /// The sender's address.
    pub ip: Option<String>,
    /// The sender's program.
    pub user_agent: Option<String>,
}

impl RequestContext {
    /// Reads the two headers.
    #[must_use]
    pub fn parse(traceparent: Option<&str>, baggage: Option<&str>) -> Self {
        let baggage = baggage.filter(|text| text.len() <= MOST_HEADER_BYTES);
        Self {
            session_id: baggage.and_then(|text| member(text, "hindsight.session", session)),
            tab: baggage.and_then(|text| member(text, "hindsight.tab", tab)),
            trace_id: traceparent.and_then(trace),
            ..Self::default()
        }
    }

    /// The context in which this task runs.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs a future with this context. A task that it spawns has none: give it [`Self::current`] along.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }
}

fn trace(traceparent: &str) -> Option<String> {
    let text = traceparent.trim();
    let (head, rest) = text.split_at_checked(55)?;
    let parts: Vec<&str> = head.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else {
        return None;
    };
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let is_whole = is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    // Version 00 is exactly these four parts; later versions may have more behind them.
    let ends_well = rest.is_empty() || (version != "00" && rest.starts_with('-'));
    let is_valid = is_whole && version != "ff" && !is_zero(trace) && !is_zero(parent) && ends_well;
    is_valid.then(|| trace.to_owned())
}

fn member(baggage: &str, name: &str, valid: fn(String) -> Option<String>) -> Option<String> {
    baggage.split(',').find_map(|member| {
        let pair = member.split(';').next().unwrap_or_default();
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name)
            .then(|| decoded(value.trim()))
            .flatten()
            .and_then(valid)
    })
}

/// Percent-decoding; none where it is broken.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        if letter != b'%' {
            bytes.push(letter);
            continue;
        }
        let mut digit = || char::from(letters.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(16 * high + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// A UUIDv7 in its usual form.
fn session(text: String) -> Option<String> {
    let id = uuid::Uuid::try_parse(&text).ok()?;
    let usual = id.as_hyphenated().to_string();
    let is_rfc = id.get_variant() == uuid::Variant::RFC4122;
    (id.get_version_num() == 7 && is_rfc && usual == text.to_ascii_lowercase()).then_some(usual)
}

fn tab(text: String) -> Option<String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    ((1..=TAB_CHARS).contains(&text.len()) && text.bytes().all(is_letter)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{cases, text};

    #[test]
    fn headers_are_read_as_the_cases_say() {
        for case in cases("context") {
            let found = RequestContext::parse(case["traceparent"].as_str(), case["baggage"].as_str());
            let expected = RequestContext {
                session_id: text(&case["expect"]["session_id"]),
                tab: text(&case["expect"]["tab"]),
                trace_id: text(&case["expect"]["trace_id"]),
                ..RequestContext::default()
            };
            assert_eq!(found, expected, "{}", case["name"]);
        }
    }
}
