//! What a call of posthog-js holds: captures, of which `$snapshot` ones carry one flush of its recorder each.
//!
//! A flush is a capture, never a call: a call that wasn't answered is sent again later, together with others, or cut in
//! two for a beacon (posthog-js `retry-queue.ts`, `request.ts`), but captures stay what they were, under their `uuid`.

use std::borrow::Cow;

use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::foreign::flush::flush;
use crate::foreign::keep::Placed;
use crate::foreign::number::{Moment, place};
use crate::foreign::workspace::Workspace;
use crate::recordings::{self, refuse_scan};
use crate::scan::{MAX_DEPTH, elements};
use crate::sender::NamedKey;

const SNAPSHOT: &str = "$snapshot";
/// The window of a recorder that names none.
const WINDOW: &str = "posthog";
/// Flushes of one call. posthog-js sends one every two seconds, and keeps calls of one window apart.
const MOST_FLUSHES: usize = 1_000;

/// What a call came to.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) placed: Vec<Placed>,
}

/// `{"api_key": ..., "batch": [...]}`
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    api_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
    #[serde(borrow)]
    sent_at: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Capture<'a> {
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uuid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sent_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    api_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    properties: Option<Properties<'a>>,
}

#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    #[serde(rename = "$session_id", borrow)]
    session_id: Option<Cow<'a, str>>,
    #[serde(rename = "$window_id", borrow)]
    window_id: Option<Cow<'a, str>>,
    #[serde(rename = "$snapshot_data", borrow)]
    data: Option<&'a RawValue>,
}

impl Call {
    /// Reads a call: an array of captures, an envelope of them, or one. Its key is named as soon as it was read, so that a
    /// call which is refused later in its text is told of its key.
    pub(super) fn read(
        json: &[u8],
        named: &NamedKey,
        workspace: &mut Workspace<'_>,
    ) -> Result<Self, Refusal> {
        let mut call = Self::default();
        let envelope = match json.trim_ascii_start().first() {
            Some(b'{') => Some(part::<Envelope<'_>>(json, 0)?),
            _ => None,
        };
        if let Some(key) = envelope.as_ref().and_then(|envelope| envelope.api_key.as_deref()) {
            named.say(key);
        }
        match envelope.as_ref().and_then(|envelope| envelope.batch) {
            None => call.take_all(json, None, named, workspace)?,
            Some(batch) => {
                let sent_at = envelope.as_ref().and_then(|envelope| envelope.sent_at.as_deref());
                call.take_all(batch.get().as_bytes(), milliseconds(sent_at), named, workspace)?;
            }
        }
        Ok(call)
    }

    fn take_all(
        &mut self,
        captures: &[u8],
        sent_at_ms: Option<i64>,
        named: &NamedKey,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Refusal> {
        let mut items = elements(captures, MAX_DEPTH).map_err(refuse_scan)?;
        while let Some(text) = items.next_text().map_err(refuse_scan)? {
            let capture = part::<Capture<'_>>(text, items.count() - 1)?;
            self.take(capture, sent_at_ms, named, workspace)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        capture: Capture<'_>,
        sent_at_ms: Option<i64>,
        named: &NamedKey,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Refusal> {
        let Some(properties) = capture.properties else {
            return Ok(());
        };
        if let Some(token) = properties.token.or(capture.api_key) {
            named.say(token);
        }
        let data = properties
            .data
            .filter(|_| capture.event.as_deref() == Some(SNAPSHOT));
        let Some(data) = data else { return Ok(()) };
        if self.placed.len() == MOST_FLUSHES {
            return Err(too_many());
        }
        let session_id = recordings::session(properties.session_id.as_deref().unwrap_or_default())?;
        let window = properties.window_id.filter(|window| !window.is_empty());
        let flush = flush(data.get().as_bytes(), workspace)?;
        let own = capture
            .uuid
            .as_deref()
            .and_then(|uuid| Moment::of_uuid(Uuid::try_parse(uuid).ok()?));
        let moment = own
            .unwrap_or_else(|| Moment::of_content(flush.summary.first_at_ms, &flush.summary.content_sha256));
        let (tab, seq) = place(session_id, window.as_deref().unwrap_or(WINDOW), moment);
        self.placed.push(Placed {
            session_id,
            tab,
            seq,
            is_final: false,
            sent_at_ms: milliseconds(capture.sent_at.as_deref()).or(sent_at_ms),
            flush,
        });
        Ok(())
    }

    /// How many events it holds.
    pub(super) fn events(&self) -> usize {
        self.placed.iter().map(|placed| placed.flush.summary.events).sum()
    }

    /// What it comes to, unpacked.
    pub(super) fn raw_bytes(&self) -> usize {
        self.placed.iter().map(|placed| placed.flush.raw_bytes).sum()
    }
}

fn milliseconds(text: Option<&str>) -> Option<i64> {
    text?.parse::<Timestamp>().ok().map(|at| at.as_millisecond())
}

fn part<'a, T: Deserialize<'a>>(text: &'a [u8], index: usize) -> Result<T, Refusal> {
    serde_json::from_slice(text).map_err(|error| {
        let reason = if error.is_data() {
            Reason::NotRrweb
        } else {
            Reason::NotJson
        };
        Refusal::new(
            reason,
            format!("capture {index} is not as posthog-js makes them: {error}"),
            format!("第 {index} 个 capture 不是 posthog-js 的格式：{error}"),
        )
    })
}

fn too_many() -> Refusal {
    Refusal::new(
        Reason::TooManyEvents,
        format!("more than {MOST_FLUSHES} $snapshot captures in one call: send fewer at once"),
        format!("单次请求的 $snapshot 超过 {MOST_FLUSHES} 个：请分批发送"),
    )
}
