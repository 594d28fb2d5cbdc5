//! What the browser recorder is told by `GET /v1/config`: level, sampling, masking, keyframes.
//!
//! Defaults are the careful ones: all inputs masked, everything recorded that is shown.

use serde::{Deserialize, Serialize};

/// Capture levels; under pressure the recorder falls to a lower one (L0 is never shed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub enum Level {
    /// Business events and audit only.
    L0,
    /// And page structure.
    L1,
    /// And input and network.
    L2,
    /// And scroll and pointer.
    L3,
    /// And pointer detail: everything.
    #[default]
    L4,
}

impl Level {
    /// The name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::L0 => "L0",
            Level::L1 => "L1",
            Level::L2 => "L2",
            Level::L3 => "L3",
            Level::L4 => "L4",
        }
    }
}

/// Parameters that shape a page and say nothing about a person.
const URL_PARAMETERS: &[&str] = &[
    "page", "tab", "sort", "order", "lang", "locale", "v", "w", "h", "width", "height", "size", "format",
    "utm_*",
];

/// Settings of the recorder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recording {
    /// What is captured. Default L4.
    pub level: Level,
    /// Share of sessions that are recorded, 0 to 1. Default 1.
    pub sample: f64,
    /// Patterns of pages that are recorded: `*` = any run, over the address without fragment, or over its path and
    /// query where the pattern begins with `/`; `re:` before a regular expression. Default `["*"]`.
    pub pages: Vec<String>,
    /// Patterns of pages that are not. Default none.
    pub except_pages: Vec<String>,
    /// Whether the content of all inputs is masked before it leaves the page. Default true.
    pub mask_inputs: bool,
    /// CSS selector of elements whose text is masked. Default `.hindsight-mask`.
    pub mask_selector: String,
    /// CSS selector of elements that are not recorded at all. Default `.hindsight-block`.
    pub block_selector: String,
    /// CSS selector of fields whose content is recorded though inputs are masked; passwords, hidden fields, cards and
    /// one-time codes stay masked. Default `.hindsight-unmask`.
    pub unmask_selector: String,
    /// CSS selector of fields whose input isn't recorded. Default `.hindsight-ignore`.
    pub ignore_selector: String,
    /// Names (`*` = any run) of URL parameters whose values are recorded; all others are masked. Default: names of
    /// layout and campaigns.
    pub url_parameters: Vec<String>,
    /// Origins, besides the page's own, whose requests get `traceparent` and `baggage`. They are then asked by a
    /// preflight. Default none.
    pub trace_origins: Vec<String>,
    /// A visit that is shorter isn't sent. Default 0.
    pub minimum_duration_ms: u32,
    /// Whether nothing is sent until an error happens in the page; then the minute before it, and the rest. Default
    /// false.
    pub only_errors: bool,
    /// Least time between two texts of one field. Default 100 ms.
    pub input_every_ms: u32,
    /// Least time between two pointer positions. Default 50 ms.
    pub pointer_every_ms: u32,
    /// Least time between two scroll positions. Default 150 ms.
    pub scroll_every_ms: u32,
    /// A new keyframe after this time. Default 60 s.
    pub keyframe_every_ms: u32,
    /// A batch is sent after this time. Default 2 s.
    pub flush_every_ms: u32,
    /// A new session after this silence. Default 30 min.
    pub session_idle_ms: u32,
    /// A new session after this time at the latest. Default 12 h.
    pub session_longest_ms: u32,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            level: Level::L4,
            sample: 1.0,
            pages: vec!["*".into()],
            except_pages: vec![],
            mask_inputs: true,
            mask_selector: ".hindsight-mask".into(),
            block_selector: ".hindsight-block".into(),
            unmask_selector: ".hindsight-unmask".into(),
            ignore_selector: ".hindsight-ignore".into(),
            url_parameters: URL_PARAMETERS.iter().map(|name| (*name).to_owned()).collect(),
            trace_origins: vec![],
            minimum_duration_ms: 0,
            only_errors: false,
            input_every_ms: 100,
            pointer_every_ms: 50,
            scroll_every_ms: 150,
            keyframe_every_ms: 60_000,
            flush_every_ms: 2_000,
            session_idle_ms: 30 * 60_000,
            session_longest_ms: 12 * 3_600_000,
        }
    }
}

/// Why settings can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordingError {
    /// The share is none.
    #[error("sample is not between 0 and 1")]
    Sample,
    /// A time that would flood the edge or never come.
    #[error("{0} is out of range: allowed are {1} to {2} ms")]
    Time(&'static str, u32, u32),
}

impl Recording {
    /// Whether the settings can be used.
    pub fn check(&self) -> Result<(), RecordingError> {
        if !(0.0..=1.0).contains(&self.sample) {
            return Err(RecordingError::Sample);
        }
        let times = [
            ("minimum_duration_ms", self.minimum_duration_ms, 0, 3_600_000),
            ("input_every_ms", self.input_every_ms, 10, 10_000),
            ("pointer_every_ms", self.pointer_every_ms, 10, 10_000),
            ("scroll_every_ms", self.scroll_every_ms, 10, 10_000),
            ("keyframe_every_ms", self.keyframe_every_ms, 5_000, 3_600_000),
            ("flush_every_ms", self.flush_every_ms, 200, 60_000),
            ("session_idle_ms", self.session_idle_ms, 60_000, 86_400_000),
            ("session_longest_ms", self.session_longest_ms, 60_000, 86_400_000),
        ];
        match times
            .into_iter()
            .find(|(_, value, least, most)| !(least..=most).contains(&value))
        {
            Some((name, _, least, most)) => Err(RecordingError::Time(name, least, most)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass_and_floods_do_not() {
        assert_eq!(Recording::default().check(), Ok(()));
        let flood = Recording {
            flush_every_ms: 1,
            ..Recording::default()
        };
        assert_eq!(
            flood.check(),
            Err(RecordingError::Time("flush_every_ms", 200, 60_000))
        );
        let nonsense = Recording {
            sample: f64::NAN,
            ..Recording::default()
        };
        assert_eq!(nonsense.check(), Err(RecordingError::Sample));
    }
}
